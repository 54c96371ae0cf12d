/**
 * What is on as long as it is held: by a pointer, by a key, by several at once. Whatever takes the pointer or the key away without
 * letting go (another window, a lost capture, a page that is hidden) lets it go; nothing stays on because an event was missed.
 */
import { onBeforeUnmount, onMounted } from 'vue';

export class Hold {
  private readonly by = new Set<string>();
  private locked = false;

  constructor(private readonly changed: (on: boolean) => void) {}

  get on(): boolean {
    return this.locked || this.by.size > 0;
  }

  /** A key that repeats while it is held presses once. */
  press(by: string): void {
    this.change(() => this.by.add(by));
  }

  release(by: string): void {
    this.change(() => this.by.delete(by));
  }

  /** Stays on without being held, until it is switched again or ends. */
  toggle(): void {
    this.change(() => (this.locked = !this.locked));
  }

  /** Nothing holds it any more; what was switched on stays on. */
  letGo(): void {
    this.change(() => this.by.clear());
  }

  end(): void {
    this.change(() => {
      this.by.clear();
      this.locked = false;
    });
  }

  private change(what: () => unknown): void {
    const before = this.on;
    what();
    if (this.on !== before) this.changed(this.on);
  }
}

const PRESSING = ['Enter', ' '];

export interface HoldEvents {
  pointerdown: (event: PointerEvent) => void;
  pointerup: (event: PointerEvent) => void;
  pointercancel: (event: PointerEvent) => void;
  lostpointercapture: (event: PointerEvent) => void;
  keydown: (event: KeyboardEvent) => void;
  keyup: (event: KeyboardEvent) => void;
  blur: () => void;
  contextmenu: (event: Event) => void;
}

/** The events of a button that works while it is held; bind them with `v-on`. `toggles`: a press switches it instead. */
export function useHold(changed: (on: boolean) => void, toggles: () => boolean = () => false): { hold: Hold; events: HoldEvents } {
  const hold = new Hold(changed);
  const away = (): void => hold.letGo();
  const hidden = (): void => {
    if (document.hidden) hold.end();
  };
  const up = (event: PointerEvent): void => hold.release(`pointer ${event.pointerId}`);

  onMounted(() => {
    window.addEventListener('blur', away);
    document.addEventListener('visibilitychange', hidden);
  });
  onBeforeUnmount(() => {
    window.removeEventListener('blur', away);
    document.removeEventListener('visibilitychange', hidden);
    hold.end();
  });

  return {
    hold,
    events: {
      pointerdown: (event) => {
        if (event.button !== 0) return;
        if (toggles()) return hold.toggle();
        (event.currentTarget as HTMLElement).setPointerCapture(event.pointerId);
        hold.press(`pointer ${event.pointerId}`);
      },
      pointerup: up,
      pointercancel: up,
      lostpointercapture: up,
      keydown: (event) => {
        if (!PRESSING.includes(event.key) || event.ctrlKey || event.metaKey || event.altKey) return;
        event.preventDefault();
        event.stopPropagation();
        if (event.repeat) return;
        if (toggles()) hold.toggle();
        else hold.press('key');
      },
      keyup: (event) => {
        if (!PRESSING.includes(event.key)) return;
        event.preventDefault();
        hold.release('key');
      },
      // what was switched on stays on when the focus goes elsewhere on the page
      blur: () => hold.release('key'),
      // a long press on a touch screen opens no menu
      contextmenu: (event) => event.preventDefault(),
    },
  };
}
