/** Dark command pages, light office pages: the route proposes, the person may overrule for good. */
import { computed, ref, watchEffect } from 'vue';

export type Theme = 'dark' | 'light';

const STORED = 'luwei.theme';

function remembered(): Theme | null {
  try {
    const value = localStorage.getItem(STORED);
    return value === 'dark' || value === 'light' ? value : null;
  } catch {
    return null;
  }
}

const chosen = ref<Theme | null>(remembered());
const proposed = ref<Theme>('dark');
export const theme = computed<Theme>(() => chosen.value ?? proposed.value);

export function proposeTheme(next: Theme): void {
  proposed.value = next;
}

export function switchTheme(): void {
  chosen.value = theme.value === 'dark' ? 'light' : 'dark';
  try {
    localStorage.setItem(STORED, chosen.value);
  } catch {
    // not remembered
  }
}

watchEffect(() => document.documentElement.setAttribute('data-theme', theme.value));
