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
  const own = computed(() => session.rights.some(({ act, kind, manner }) => act === 'read' && kind === 'video' && (manner === 'full' || manner === 'own')));
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
  async function granted(vehicle: number, error: ApiError): Promise<void> {
    if (!(await lifting.ask({ kind: 'reason', row: 'video', vehicle }))) throw error;
  }

  /** Somebody pressed the button for a reason: the dialog comes even where it was closed before. */
  const give = (vehicle: number): Promise<boolean> => lifting.ask({ kind: 'reason', row: 'video', vehicle }, true);

  /** A ticket for a picture, with what has to be said for it. Throws ApiError, `purpose_required` among them. */
  async function ticket(request: StreamRequest, signal: AbortSignal): Promise<Ticket> {
    const purpose = own.value ? await wanted(signal) : '';
    if (own.value && !purpose) throw new ApiError(400, 'purpose_required', '', 'purpose');
    try {
      return await videoApi.stream({ ...request, purpose }, signal);
    } catch (error) {
      if (!(error instanceof ApiError) || error.rule !== 'reason_required') throw error;
      await granted(request.vehicle, error);
      return videoApi.stream({ ...request, purpose }, signal);
    }
  }

  /** What a recording is asked for or played with: the same purpose or grant as for a live picture. Throws ApiError. */
  async function forPlayback<T>(vehicle: number, act: (purpose: string) => Promise<T>, signal: AbortSignal): Promise<T> {
    const purpose = own.value ? await wanted(signal) : '';
    signal.throwIfAborted();
    if (own.value && !purpose) throw new ApiError(400, 'purpose_required', '', 'purpose');
    try {
      return await act(purpose);
    } catch (error) {
      if (!(error instanceof ApiError) || error.rule !== 'reason_required') throw error;
      await granted(vehicle, error);
      return act(purpose);
    }
  }

  return { stated, asked, own, grants, state, dismiss: () => answer(''), give, ticket, forPlayback };
});
