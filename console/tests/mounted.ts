/** Runs a setup function as a component does, without a page: its hooks work, nothing is drawn. */
import { createRenderer, h } from 'vue';

const nothing = (): null => null;
const { createApp } = createRenderer<object, object>({
  createElement: () => ({}), createText: () => ({}), createComment: () => ({}), insert: nothing, remove: nothing, patchProp: nothing,
  setText: nothing, setElementText: nothing, parentNode: nothing, nextSibling: nothing,
});

export function mounted<T>(setup: () => T): { it: T; unmount: () => void } {
  let it: T | undefined;
  const app = createApp({
    setup: () => {
      it = setup();
      return () => h('i');
    },
  });
  app.mount({});
  return { it: it as T, unmount: () => app.unmount() };
}
