/** A draft of a document that lives in versions: taken from one of them, changed as tables or as text, checked, published. */
import { computed, ref, shallowRef, watch } from 'vue';
import type { ComputedRef, Ref } from 'vue';

import { ApiError } from '@/api/client';
import { refusalText } from '@/api/rules';
import { date, fromWall } from '@/format/time';
import { useMessages } from '@/i18n';
import { useSession } from '@/shell/session';

import { differences } from './draft';
import { policyMessages } from './messages';

/** A row of the list of versions. `by`: who published it; empty: shipped with the system. */
export interface Version {
  version: number;
  valid_from: number;
  note: string;
  state: 'past' | 'in_force' | 'coming';
  by: string;
}

export interface VersionsApi<P> {
  check: (policy: P) => Promise<unknown>;
  publish: (policy: P, valid_from: number, note: string) => Promise<{ version: number }>;
  remove: (version: number) => Promise<unknown>;
}

export interface Drafting<P> {
  base: Readonly<Ref<{ version: number; policy: P } | null>>;
  draft: Readonly<Ref<P | null>>;
  /** The whole document as JSON instead of tables. */
  asText: Ref<boolean>;
  text: Ref<string>;
  /** `field`: the path of the document that is wrong; empty: the document as a whole. */
  fault: Readonly<Ref<{ field: string; rule: string } | null>>;
  told: Readonly<Ref<string>>;
  validDay: Ref<string>;
  validTime: Ref<string>;
  note: Ref<string>;
  working: Readonly<Ref<boolean>>;
  /** Paths that differ from the version it was taken from. */
  changes: ComputedRef<string[]>;
  begin: (version: number, policy: P) => void;
  change: (next: P) => void;
  discard: () => void;
  /** Takes the text over; what is no document is refused and stays as it is typed. */
  typed: () => boolean;
  check: () => Promise<void>;
  publish: () => Promise<void>;
  remove: (version: number) => Promise<void>;
}

/** `done`: another version stands (null: one went away); the list is to be read again before it is told. */
export function useDrafting<P extends object>(api: VersionsApi<P>, done: (version: number | null) => Promise<unknown>): Drafting<P> {
  const t = useMessages(policyMessages);
  const session = useSession();
  const base = shallowRef(null) as Ref<{ version: number; policy: P } | null>;
  const draft = shallowRef(null) as Ref<P | null>;
  const asText = ref(false);
  const text = ref('');
  const fault = shallowRef<{ field: string; rule: string } | null>(null);
  const told = ref('');
  const validDay = ref(date(session.now() + 86_400_000));
  const validTime = ref('00:00');
  const note = ref('');
  const working = ref(false);
  const changes = computed(() => (draft.value && base.value ? differences(base.value.policy, draft.value) : []));

  watch(asText, (now) => {
    if (now && draft.value) text.value = JSON.stringify(draft.value, null, 2);
    else fault.value = null;
  });

  function begin(version: number, policy: P): void {
    base.value = { version, policy };
    draft.value = policy;
    fault.value = null;
    told.value = '';
    asText.value = false;
  }
  function change(next: P): void {
    draft.value = next;
    fault.value = null;
    told.value = '';
  }
  function discard(): void {
    draft.value = base.value = null;
    fault.value = null;
  }
  /** Whether it is a document of this kind the server says; here it must be one at all. */
  function typed(): boolean {
    try {
      const found: unknown = JSON.parse(text.value);
      if (found === null || typeof found !== 'object' || Array.isArray(found)) throw new Error('{…}');
      change(found as P);
      return true;
    } catch (failure) {
      told.value = '';
      fault.value = { field: '', rule: t('notJson', { why: (failure as Error).message }) };
      return false;
    }
  }
  async function run(act: () => Promise<string>): Promise<void> {
    if (working.value) return;
    working.value = true;
    fault.value = null;
    told.value = '';
    try {
      told.value = await act();
    } catch (failure) {
      fault.value = { field: failure instanceof ApiError ? (failure.field ?? '') : '', rule: refusalText(failure) };
    }
    working.value = false;
  }
  /** What stands on the screen is what is sent: a text that is no document is none of the former drafts. */
  async function send(act: (policy: P) => Promise<string>): Promise<void> {
    if (asText.value && !typed()) return;
    const { value } = draft;
    if (value) await run(() => act(value));
  }
  const check = (): Promise<void> => send(async (policy) => {
    await api.check(policy);
    return t('checkOk');
  });
  const publish = (): Promise<void> => send(async (policy) => {
    const { version } = await api.publish(policy, fromWall(validDay.value, `${validTime.value}:00`), note.value.trim());
    discard();
    note.value = '';
    await done(version);
    return t('published', { n: version });
  });
  const remove = (version: number): Promise<void> => run(async () => {
    await api.remove(version);
    await done(null);
    return t('removed', { n: version });
  });
  return { base, draft, asText, text, fault, told, validDay, validTime, note, working, changes, begin, change, discard, typed, check, publish, remove };
}
