/**
 * What live pictures are looked at for. Who may see them by the own right states a purpose once, which stands over the wall and in the
 * record of every look; who may see them on a recorded reason only asks for a grant, truck by truck.
 */
import { defineStore } from 'pinia';
import { computed, ref, watch } from 'vue';

import { ApiError } from '@/api/client';
import { useLifting } from '@/shell/lifting';
import { useSession } from '@/shell/session';
import type { StreamRequest, Ticket } from '@/video/protocol';

import { videoApi } from './answers';

const STORED = 'luwei.video.purpose';
export const PURPOSE_MIN = 2;
export const PURPOSE_MAX = 100;

/** What a purpose is stated for: an act on a kind of data, and the row of the rights table that a reason is wanted for. */
export interface Matter {
  act: string;
  kind: string;
  row: string;
}

export const LOOK: Matter = { act: 'read', kind: 'video', row: 'video' };
export const TALK: Matter = { act: 'act', kind: 'talk', row: 'talk' };
export const LISTEN: Matter = { act: 'read', kind: 'listen', row: 'talk' };
export const BROADCAST: Matter = { act: 'act', kind: 'broadcast', row: 'talk' };

function remembered(user: number): string {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as { user?: number; purpose?: string } | null;
    return kept?.user === user ? (kept.purpose ?? '') : '';
  } catch {
    return '';
  }
}

export const usePurpose = defineStore('video-purpose', () => {
  const session = useSession();
  const lifting = useLifting();
  const stated = ref(remembered(session.user?.id ?? 0));
  /** Somebody waits for the dialog. */
  const asked = ref(false);
  let waiting: ((purpose: string) => void)[] = [];

  watch(() => session.user?.id, (user) => (stated.value = remembered(user ?? 0)));

  /** By the own right, without a grant. */
  const ownFor = (matter: Matter): boolean =>
    session.rights.some(({ act, kind, manner }) => act === matter.act && kind === matter.kind && (manner === 'full' || manner === 'own'));
  const own = computed(() => ownFor(LOOK));
  const grants = computed(() => session.grants.filter((grant) => grant.kind === 'video'));

  function state(purpose: string): void {
    stated.value = purpose.trim().slice(0, PURPOSE_MAX);
    try {
      sessionStorage.setItem(STORED, JSON.stringify({ user: session.user?.id ?? 0, purpose: stated.value }));
    } catch {
      // it holds until the page is closed
    }
    answer(stated.value);
  }

  function answer(purpose: string): void {
    asked.value = false;
    const all = waiting;
    waiting = [];
    all.forEach((settle) => settle(purpose));
  }

  /** The stated purpose; asks for it where there is none. Empty: the person closed the dialog. */
  function wanted(signal: AbortSignal): Promise<string> {
    if (stated.value) return Promise.resolve(stated.value);
    asked.value = true;
    return new Promise((settle) => {
      waiting.push(settle);
      signal.addEventListener('abort', () => settle(''), { once: true });
    });
  }

  /** Other tiles that want the same truck wait for the same dialog; after it was closed each tile says that a reason is missing. */
  async function granted(vehicles: readonly number[], { row }: Matter, error: ApiError): Promise<void> {
    const [vehicle = null, ...others] = vehicles;
    // who asked for several trucks, or to listen, pressed a button for it
    if (!(await lifting.ask({ kind: 'reason', row, vehicle, others }, row !== LOOK.row))) throw error;
  }

  /** Somebody pressed the button for a reason: the dialog comes even where it was closed before. */
  const give = (vehicle: number): Promise<boolean> => lifting.ask({ kind: 'reason', row: 'video', vehicle }, true);

  /** What is to be said of the purpose: nothing where a grant on a reason says it. Throws ApiError `purpose_required`. */
  async function said(signal: AbortSignal = new AbortController().signal, matter = LOOK): Promise<string> {
    const purpose = ownFor(matter) ? await wanted(signal) : '';
    signal.throwIfAborted();
    if (ownFor(matter) && !purpose) throw new ApiError(400, 'purpose_required', '', 'purpose');
    return purpose;
  }

  /** Whatever is done with cameras, microphones and recordings of trucks, with what has to be said for it. Throws ApiError. */
  async function withPurpose<T>(vehicles: number | readonly number[], act: (purpose: string) => Promise<T>, signal?: AbortSignal, matter = LOOK): Promise<T> {
    const purpose = await said(signal, matter);
    try {
      return await act(purpose);
    } catch (error) {
      if (!(error instanceof ApiError) || error.rule !== 'reason_required') throw error;
      await granted(typeof vehicles === 'number' ? [vehicles] : vehicles, matter, error);
      return act(purpose);
    }
  }

  /** A ticket for a picture, with what has to be said for it. Throws ApiError, `purpose_required` among them. */
  const ticket = (request: StreamRequest, signal: AbortSignal): Promise<Ticket> =>
    withPurpose(request.vehicle, (purpose) => videoApi.stream({ ...request, purpose }, signal), signal);

  return { stated, asked, own, grants, state, dismiss: () => answer(''), give, wanted, said, ticket, withPurpose };
});
