/**
 * A camera that is turned as long as something is held. The act is said at once and again while it is held; the server stops the camera
 * when it hears nothing more, so a page that dies leaves nothing turning. It knows no page: what it needs comes in through its ports.
 */
import { ApiError } from '@/api/client';

export const HELD_ACTS = ['up', 'down', 'left', 'right', 'zoom_in', 'zoom_out', 'focus_near', 'focus_far', 'iris_open', 'iris_close'] as const;
export type HeldAct = (typeof HELD_ACTS)[number];
export type SwitchedAct = 'wiper' | 'light';

export interface Driver {
  mine: boolean;
  role_zh?: string;
  role_en?: string;
  until: number;
}

export interface PtzOrder {
  act: HeldAct | SwitchedAct | 'stop';
  speed?: number;
  on?: boolean;
  hold?: string;
}

export interface PtzAnswer {
  state: 'moving' | 'stopped' | 'done';
  answer: 'success' | 'failure' | 'unsupported' | 'no_answer' | 'offline' | 'pending';
  answered_ms: number | null;
  driver: Driver;
}

export interface DrivingPorts {
  /** What it is done for; throws ApiError where nobody said so. */
  purpose: () => Promise<string>;
  /** Throws ApiError. */
  post: (order: PtzOrder, purpose: string) => Promise<PtzAnswer>;
  told: (answer: PtzAnswer) => void;
  failed: (error: ApiError) => void;
}

/** While it is held it is said again each so many ms; the server waits 900. */
export const REPEAT_MS = 300;
/** Acts that need no speed. */
const TURNS: readonly string[] = ['up', 'down', 'left', 'right'];

const randomHold = (): string => Array.from(crypto.getRandomValues(new Uint8Array(12)), (octet) => octet.toString(16).padStart(2, '0')).join('');

export class Driving {
  private held: { act: HeldAct; hold: string } | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private purpose = '';

  constructor(
    private readonly ports: DrivingPorts,
    private readonly newHold: () => string = randomHold,
  ) {}

  get act(): HeldAct | null {
    return this.held?.act ?? null;
  }

  /** Another act takes the place of the one that is held. */
  async press(act: HeldAct, speed: number): Promise<void> {
    this.release();
    const mine = (this.held = { act, hold: this.newHold() });
    const order: PtzOrder = { act, hold: mine.hold, ...(TURNS.includes(act) ? { speed } : {}) };
    try {
      this.purpose = await this.ports.purpose();
    } catch (error) {
      return this.refused(error, mine.hold);
    }
    // let go while the person was asked for the purpose
    if (this.held !== mine) return;
    this.timer = setInterval(() => void this.say(order), REPEAT_MS);
    await this.say(order);
  }

  release(): void {
    const { held } = this;
    this.held = null;
    const began = this.timer !== undefined;
    clearInterval(this.timer);
    this.timer = undefined;
    if (held && began) void this.say({ act: 'stop', hold: held.hold });
  }

  /** Wiper and light are switched, not held. */
  async toggle(act: SwitchedAct, on: boolean): Promise<boolean> {
    try {
      this.purpose = await this.ports.purpose();
      const answer = await this.ports.post({ act, on }, this.purpose);
      this.ports.told(answer);
      return answer.answer === 'success' || answer.answer === 'pending';
    } catch (error) {
      this.refused(error, '');
      return false;
    }
  }

  private async say(order: PtzOrder): Promise<void> {
    try {
      const answer = await this.ports.post(order, this.purpose);
      this.ports.told(answer);
    } catch (error) {
      this.refused(error, order.hold ?? '');
    }
  }

  /** What was refused is not said again. */
  private refused(error: unknown, hold: string): void {
    if (this.held?.hold === hold) {
      this.held = null;
      clearInterval(this.timer);
      this.timer = undefined;
    }
    this.ports.failed(error instanceof ApiError ? error : new ApiError(0, 'unreadable', String(error)));
  }
}
