import { fileURLToPath } from 'node:url';

import vue from '@vitejs/plugin-vue';
import { ElementPlusResolver } from 'unplugin-vue-components/resolvers';
import Components from 'unplugin-vue-components/vite';
import { defineConfig } from 'vite';

// The address of a running `luwei up` for `npm run dev`; the built console is served by the server itself.
const server = process.env.LUWEI_CONSOLE_SERVER ?? 'http://127.0.0.1:7600';

export default defineConfig({
  plugins: [
    vue(),
    // Element Plus by parts: only the components a template names are bundled, with their own style file.
    Components({ dirs: [], dts: 'types/components.d.ts', resolvers: [ElementPlusResolver({ importStyle: 'css' })] }),
  ],
  resolve: { alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) } },
  build: {
    target: 'chrome100',
    outDir: 'dist',
    // Nothing is inlined as a data: URL, so the content security policy stays at 'self'.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1200,
    rollupOptions: {
      output: {
        // Named for what it holds; reached only from the pages with a map, which are loaded when they are opened.
        codeSplitting: {
          groups: [
            { name: 'maplibre', test: /node_modules[\\/](maplibre-gl|@maplibre|@mapbox|pbf|earcut|gl-matrix|kdbush)[\\/]/ },
          ],
        },
        // The map's worker is an ES module; ".js" is served with a script type by every web server.
        assetFileNames: (asset) =>
          asset.names.some((name) => name.endsWith('.mjs')) ? 'assets/[name]-[hash].js' : 'assets/[name]-[hash][extname]',
      },
    },
  },
  server: {
    host: '127.0.0.1',
    proxy: {
      '/api': server,
      '/map': server,
      '/ws': { target: server.replace(/^http/, 'ws'), ws: true },
    },
  },
  test: { include: ['tests/**/*.test.ts'], environment: 'node' },
} as Parameters<typeof defineConfig>[0]);
