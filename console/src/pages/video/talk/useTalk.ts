/** The one talk of the page, and the trucks that are ticked for a broadcast; parts of the page reach both by injection. */
import { computed, onBeforeUnmount, provide, ref, shallowRef } from 'vue';
import type { InjectionKey, Ref } from 'vue';

import { api } from '@/api/endpoints';
import { refusalText } from '@/api/rules';
import { useSession } from '@/shell/session';
import { browserEars } from '@/talk/ears';
import type { TalkKind } from '@/talk/protocol';
import { SILENT, Talk } from '@/talk/talk';
import type { TalkView } from '@/talk/talk';

import { BROADCAST, LISTEN, TALK, usePurpose } from '../purpose';

import { talkApi, TRUCKS_MAX } from './answers';

const RIGHTS = { talk: TALK, listen: LISTEN, broadcast: BROADCAST } as const;

export interface TalkDesk {
  view: Readonly<Ref<TalkView>>;
  may: (kind: TalkKind) => boolean;
  /** Something is to be seen of it. */
  shown: Readonly<Ref<boolean>>;
  /** `held`: by a button that is still held, which keeps the focus. */
  begin: (kind: TalkKind, vehicles: readonly number[], held?: boolean) => void;
  held: Readonly<Ref<boolean>>;
  speak: (on: boolean) => void;
  drop: (vehicle: number) => void;
  hangUp: () => void;
  /** Puts away what is shown of it. */
  forget: () => void;
  /** Boxes stand in the tree. */
  picking: Ref<boolean>;
  picked: Readonly<Ref<ReadonlySet<number>>>;
  pick: (vehicle: number, on: boolean) => void;
  pickOperator: (operator: number) => Promise<void>;
  /** Why an operator's trucks could not be ticked; empty: they could. */
  problem: Readonly<Ref<string>>;
}

export const TALK_DESK: InjectionKey<TalkDesk> = Symbol('video-talk');

export function useTalk(): TalkDesk {
  const session = useSession();
  const purpose = usePurpose();
  const view = shallowRef<TalkView>(SILENT);
  const held = ref(false);
  const picking = ref(false);
  const problem = ref('');
  const picked = shallowRef<ReadonlySet<number>>(new Set());

  const talk = new Talk(
    {
      ask: (request, signal) => purpose.withPurpose(request.vehicles, (why) => talkApi.begin(request, why, signal), signal, RIGHTS[request.kind]),
      socket: (path) => new WebSocket(`${location.protocol === 'https:' ? 'wss' : 'ws'}://${location.host}${path}`),
      ears: browserEars,
      nowMs: session.now,
    },
    (told) => (view.value = told),
  );

  function pick(vehicle: number, on: boolean): void {
    const next = new Set(picked.value);
    if (!on) next.delete(vehicle);
    else if (next.size < TRUCKS_MAX) next.add(vehicle);
    picked.value = next;
  }

  async function pickOperator(operator: number): Promise<void> {
    problem.value = '';
    try {
      const { items } = await api.vehicles({ operator, state: 'online', size: TRUCKS_MAX });
      for (const { id } of items) pick(id, true);
    } catch (failure) {
      problem.value = refusalText(failure);
    }
  }

  const desk: TalkDesk = {
    view,
    may: (kind) => session.may(RIGHTS[kind].act, RIGHTS[kind].kind),
    shown: computed(() => view.value.phase !== 'idle'),
    held,
    begin: (kind, vehicles, byHold = false) => {
      held.value = byHold;
      picking.value = false;
      void talk.begin({ kind, vehicles });
    },
    speak: (on) => talk.speak(on),
    drop: (vehicle) => talk.drop(vehicle),
    hangUp: () => talk.hangUp(),
    forget: () => talk.forget(),
    picking,
    picked,
    pick,
    pickOperator,
    problem,
  };
  provide(TALK_DESK, desk);
  onBeforeUnmount(() => talk.forget());
  return desk;
}
