/** The wall of the page: kept in the address, filled from the tree and from links of other pages, walked through by the patrol. */
import { computed, onBeforeUnmount, provide, reactive, ref, shallowRef, watch } from 'vue';
import type { Ref } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import { api } from '@/api/endpoints';
import type { VehicleQuery } from '@/api/endpoints';
import { refusalText } from '@/api/rules';
import { useMessages } from '@/i18n';
import { heading } from '@/shell/heading';
import type { PlayerView } from '@/video/player';

import { readWall, readWanted, writeWall } from './address';
import { videoMessages } from './messages';
import { added, LIST_MAX, NO_PATROL, wallOf } from './patrol';
import type { Patrol } from './patrol';
import { usePurpose } from './purpose';
import { useRecords } from './records/useRecords';
import { readPlace } from './recordings';
import type { Place } from './recordings';
import type { Dragged } from './tree-acts';
import { TREE_ACTS } from './tree-acts';
import { pictured, useTrucks } from './trucks';
import { emptyWall, hang, keyOf, regrid, shown, tileOf } from './wall';
import type { Slot, Wall } from './wall';

/** How many trucks of an operator, an area or a search a patrol takes at a time, and how many are read at once. */
const PATROL_TRUCKS = 100;
const AT_ONCE = 4;
const SAID_MS = 6_000;

/** What this page writes into the address, and what it takes from it. */
const OWN = ['grid', 'tiles', 'full', 'vehicle', 'channel', 'purpose', 'at', 'case'];

export function useVideoWall(phone: Ref<boolean>, away: Readonly<Ref<boolean>>) {
  const route = useRoute();
  const router = useRouter();
  const trucks = useTrucks();
  const purpose = usePurpose();
  const records = useRecords();
  const t = useMessages(videoMessages);
  const asRead = (): Wall => readWall(route.query) ?? emptyWall(4);
  const fitted = (next: Wall): Wall => (phone.value ? regrid({ ...next, slots: [next.slots[next.enlarged ?? -1] ?? shown(next)[0] ?? null, ...next.slots.slice(1)] }, 1) : next);
  const wall = shallowRef<Wall>(fitted(asRead()));
  const patrol = shallowRef<Patrol>(NO_PATROL);
  const patrolling = ref(false);
  const round = ref(0);
  /** What lies recorded in a truck takes the place of the wall while it is set. */
  const place = shallowRef<Place | null>(null);
  const views = reactive(new Map<string, PlayerView>());
  /** Key of the one tile with sound. */
  const loud = ref('');
  const figures = ref(false);
  /** What was just done, or not, for a moment. */
  const said = ref('');
  let taking = 0;
  let timer: ReturnType<typeof setInterval> | undefined;
  let saying: ReturnType<typeof setTimeout> | undefined;

  const slots = computed(() => shown(wall.value));
  const vehicles = computed(() => [...new Set(slots.value.map((slot) => slot.vehicle))]);
  const rate = computed(() => [...views.values()].reduce((sum, view) => sum + (view.state === 'live' ? (view.rates?.bitRate ?? 0) : 0), 0));

  function told(key: string, view: PlayerView | null): void {
    if (view) views.set(key, view);
    else views.delete(key);
  }

  /** The channels that were meant; a truck stands for all its pictures. Asks for a reason where that is what is missing. */
  async function slotsOf(vehicle: number, channel: number | null): Promise<Slot[]> {
    if (channel !== null) return [{ vehicle, channel }];
    let truck = await trucks.read(vehicle);
    if (truck.error?.rule === 'reason_required' && (await purpose.give(vehicle))) truck = await trucks.read(vehicle, true);
    const channels = pictured(truck.known).map((each) => each.channel);
    // the tile says what is wrong
    return (channels.length ? channels : [1]).map((each) => ({ vehicle, channel: each }));
  }

  function say(text: string): void {
    said.value = text;
    clearTimeout(saying);
    saying = setTimeout(() => (said.value = ''), SAID_MS);
  }

  async function show(vehicle: number, channel: number | null, at?: number): Promise<void> {
    if (place.value) {
      place.value = { vehicle, channel, at: null };
      return;
    }
    const found = await slotsOf(vehicle, channel);
    const wanted = phone.value ? found.slice(0, 1) : found;
    stop();
    wall.value = hang(wall.value, wanted, phone.value ? 0 : at);
    const left = wanted.filter((slot) => tileOf(wall.value, slot) < 0).length;
    if (left) say(t('wall.full', { n: left }));
  }

  async function drop({ vehicle, channel }: Dragged, at: number): Promise<void> {
    if (vehicle !== undefined) await show(vehicle, channel ?? null, at);
  }

  async function dropOnPatrol({ vehicle, channel, tile }: Dragged): Promise<void> {
    const slot = tile === undefined ? null : wall.value.slots[tile];
    if (vehicle !== undefined) list(await slotsOf(vehicle, channel ?? null));
    else if (slot) list([slot]);
  }

  /** Adds to the patrol's list; answers how many, and says where it takes no more. */
  function list(more: readonly Slot[]): number {
    const before = patrol.value;
    patrol.value = added(before, more);
    const known = new Set(patrol.value.list.map(keyOf));
    if (more.some((slot) => !known.has(keyOf(slot)))) say(t('patrol.full', { most: LIST_MAX }));
    return patrol.value.list.length - before.list.length;
  }

  /** The first picture of each online truck that the question finds, as far as the list has room; says what was left out. */
  async function patrolOf(question: VehicleQuery): Promise<void> {
    const mine = (taking += 1);
    try {
      const { items, total } = await api.vehicles({ ...question, state: 'online', sort: 'plate', size: PATROL_TRUCKS });
      let put = 0;
      for (let from = 0; from < items.length && patrol.value.list.length < LIST_MAX; from += AT_ONCE) {
        const some = items.slice(from, from + AT_ONCE);
        if (items.length > AT_ONCE) say(t('patrol.taking', { n: from, all: items.length }));
        const read = await Promise.all(some.map((row) => trucks.read(row.id)));
        if (mine !== taking) return; // another selection was chosen meanwhile, or the page was left
        const first = read.flatMap(({ known }, place) => {
          const channel = pictured(known)[0]?.channel;
          return channel === undefined ? [] : [{ vehicle: some[place]!.id, channel }];
        });
        put += list(first);
      }
      if (patrol.value.list.length < LIST_MAX) say(total > items.length ? t('patrol.addedSome', { n: put, all: total, most: PATROL_TRUCKS }) : t('patrol.added', { n: put }));
    } catch (failure) {
      say(t('failed', { why: refusalText(failure) }));
    }
  }

  function turn(): void {
    if (away.value) return;
    wall.value = wallOf(patrol.value, wall.value, round.value);
    round.value += 1;
  }

  function stop(): void {
    clearInterval(timer);
    patrolling.value = false;
  }

  function run(on: boolean): void {
    stop();
    if (!on || !patrol.value.list.length) return;
    patrolling.value = true;
    round.value = 0;
    turn();
    timer = setInterval(turn, patrol.value.intervalS * 1_000);
  }

  watch(() => patrol.value.intervalS, () => patrolling.value && run(true));
  watch(() => patrol.value.list.length, (length) => length || stop());

  /** Goes over to the recordings of a truck; `null`: back to the wall. */
  function recordings(next: Place | null): void {
    stop();
    place.value = next;
    if (!next) wall.value = { ...wall.value };
  }

  function take(next: Wall, stored: Patrol): void {
    stop();
    wall.value = fitted(next);
    if (stored.list.length) patrol.value = stored;
  }

  /** The address follows the wall, and gives way to where the person is going. */
  watch(wall, (next) => {
    if (heading(router).path !== route.path) return;
    const rest = Object.entries(route.query).filter(([name]) => !OWN.includes(name));
    const query = { ...Object.fromEntries(rest), ...writeWall(next) };
    if (JSON.stringify(query) !== JSON.stringify(route.query)) void router.replace({ query });
  });
  /** What a link asks for, and then another address that somebody typed or went back to. */
  watch(
    () => route.query,
    async (query) => {
      if (route.path !== '/video') return;
      const recorded = readPlace(query);
      const wanted = readWanted(query);
      if (wanted?.about) records.about(wanted.vehicle, wanted.about, wanted.purpose);
      if (recorded) {
        if (wanted?.purpose && purpose.own) purpose.state(wanted.purpose);
        recordings(recorded);
        return;
      }
      if (wanted) {
        if (wanted.purpose && purpose.own) purpose.state(wanted.purpose);
        await show(wanted.vehicle, wanted.channel);
        wall.value = { ...wall.value };
        return;
      }
      const given = readWall(query);
      if (given && JSON.stringify(writeWall(fitted(given))) !== JSON.stringify(writeWall(wall.value))) wall.value = fitted(given);
    },
    { immediate: true },
  );
  watch(phone, () => (wall.value = fitted(wall.value)));
  onBeforeUnmount(() => {
    stop();
    taking += 1;
    clearTimeout(saying);
  });

  provide(TREE_ACTS, {
    show: (vehicle, channel) => show(vehicle, channel),
    tileOf: (slot) => {
      const at = tileOf(wall.value, slot);
      return at < 0 ? null : at + 1;
    },
    patrols: computed(() => !phone.value),
    patrol: patrolOf,
  });

  return { wall, place, recordings, patrol, patrolling, round, views, loud, figures, said, slots, vehicles, rate, told, show, drop, dropOnPatrol, run, take, added: () => void list(slots.value) };
}
