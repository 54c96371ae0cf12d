/**
 * The states of one live picture, as a table: what each event makes of each state. What stands in no cell changes nothing, so a late
 * answer cannot wake what was stopped, and nothing shows a picture that was refused.
 */
export const STATES = ['idle', 'asking', 'connecting', 'waiting', 'live', 'stalled', 'lost', 'paused', 'ended'] as const;
export type State = (typeof STATES)[number];

/**
 * start: somebody wants the picture · ticket: the right is granted · opened: the socket stands · waiting: the server works on it ·
 * frame: a picture came · quiet: none came for a while · lost: the connection broke · again: time to try again · refused: the server
 * says no, with its reason · hide: nobody has looked for a while · show: somebody looks again · stop: nobody wants it any more.
 */
export const EVENTS = ['start', 'ticket', 'opened', 'waiting', 'frame', 'quiet', 'lost', 'again', 'refused', 'hide', 'show', 'stop'] as const;
export type Event = (typeof EVENTS)[number];

export const NEXT: Readonly<Record<State, Readonly<Partial<Record<Event, State>>>>> = {
  idle: { start: 'asking' },
  asking: { ticket: 'connecting', lost: 'lost', refused: 'ended', hide: 'paused', stop: 'idle' },
  connecting: { opened: 'waiting', lost: 'lost', refused: 'ended', hide: 'paused', stop: 'idle' },
  waiting: { frame: 'live', lost: 'lost', refused: 'ended', hide: 'paused', stop: 'idle' },
  live: { waiting: 'stalled', quiet: 'stalled', lost: 'lost', refused: 'ended', hide: 'paused', stop: 'idle' },
  stalled: { frame: 'live', lost: 'lost', refused: 'ended', hide: 'paused', stop: 'idle' },
  lost: { again: 'asking', start: 'asking', refused: 'ended', hide: 'paused', stop: 'idle' },
  paused: { show: 'asking', start: 'asking', stop: 'idle' },
  ended: { start: 'asking', stop: 'idle' },
};

/** The state after the event, or null where the event means nothing in this state. */
export function after(state: State, event: Event): State | null {
  return NEXT[state][event] ?? null;
}

/** A connection to the server stands or is being made. */
export const CONNECTED: readonly State[] = ['asking', 'connecting', 'waiting', 'live', 'stalled'];

/** Nothing was ever seen yet: the tile tells the steps. */
export const COMING: readonly State[] = ['asking', 'connecting', 'waiting'];

/** How long until the next try after `attempt` failures in a row (ms): a node that died is replaced within five seconds. */
export function retryDelayMs(attempt: number): number {
  return [300, 700, 1_500, 3_000][attempt - 1] ?? 5_000;
}
