/** The space bar anywhere on the page, unless something else takes it: a field, a button, a line of the tree, an open dialog. */
import { onBeforeUnmount, onMounted } from 'vue';

const TAKERS = 'input, select, textarea, button, a, video, summary, [role="treeitem"], [contenteditable], dialog, [role="dialog"]';

export function useSpace(press: () => void, release: () => void): void {
  let held = false;

  function down(event: KeyboardEvent): void {
    if (event.key !== ' ' || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if ((event.target as HTMLElement).closest(TAKERS) || document.querySelector('dialog[open]')) return;
    event.preventDefault();
    if (event.repeat || held) return;
    held = true;
    press();
  }

  function up(event: KeyboardEvent): void {
    if (event.key !== ' ' || !held) return;
    held = false;
    release();
  }

  function away(): void {
    if (!held) return;
    held = false;
    release();
  }

  onMounted(() => {
    document.addEventListener('keydown', down);
    document.addEventListener('keyup', up);
    window.addEventListener('blur', away);
  });
  onBeforeUnmount(() => {
    document.removeEventListener('keydown', down);
    document.removeEventListener('keyup', up);
    window.removeEventListener('blur', away);
    away();
  });
}
