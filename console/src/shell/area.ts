/** The area of the top bar. It lives in the URL (`?city=440300&county=440307`), so a view can be passed on. */
import { defineStore } from 'pinia';
import { computed, ref } from 'vue';
import { useRoute, useRouter } from 'vue-router';

import { api } from '@/api/endpoints';
import type { Account, City, County } from '@/api/types';

import { useSession } from './session';

export const useAreas = defineStore('areas', () => {
  const cities = ref<City[]>([]);
  const failed = ref(false);
  let reading: Promise<void> | null = null;

  function load(): Promise<void> {
    reading ??= api
      .areas()
      .then((answer) => {
        cities.value = answer;
        failed.value = false;
      })
      .catch(() => {
        failed.value = true;
        reading = null;
      });
    return reading;
  }

  const byCode = computed(() => new Map(cities.value.map((city) => [city.adcode, city])));
  const countyByCode = computed(
    () => new Map(cities.value.flatMap((city) => city.counties.map((county) => [county.adcode, county] as const))),
  );

  return { cities, failed, load, byCode, countyByCode };
});

export function areaName(area: { name: string; name_en?: string } | undefined, locale: 'zh' | 'en'): string {
  return area ? (locale === 'en' && area.name_en ? area.name_en : area.name) : '';
}

/** Bodies that have no area of their own: what they see follows their trucks, wherever those are. */
const UNBOUND = ['insurer', 'vendor', 'monitor', 'operator', 'sole_trader', 'fleet'];

/** The area that an account cannot leave. The server holds to it; here it keeps the picker from offering more. */
export function limitOf(user: Pick<Account, 'organisation' | 'city' | 'county'> | null): { city: number | null; county: number | null } {
  if (!user?.organisation || UNBOUND.includes(user.organisation.kind)) return { city: null, county: null };
  return { city: user.city, county: user.county };
}

/** A county of the city, towns (nine digits) as well; one of another city is none. */
export function within(city: number | null, county: number | null): number | null {
  return city && county && String(city).slice(0, 4) !== String(county).slice(0, 4) ? null : county;
}

/** City and county that an address means, never wider than the account's own. A city that is not there is none, nor is a county beside it. */
export function areaOf(
  asked: { city: number | null; county: number | null }, limit: { city: number | null; county: number | null }, known: (city: number) => boolean,
): { city: number | null; county: number | null } {
  const there = asked.city === null || known(asked.city);
  const city = limit.city ?? (there ? asked.city : null);
  return { city, county: limit.county ?? (there ? within(city, asked.county) : null) };
}

/** The chosen city and county of this page's URL. */
export function useArea() {
  const route = useRoute();
  const router = useRouter();
  const areas = useAreas();
  const session = useSession();
  const code = (value: unknown): number | null => {
    const number = Number(value);
    return typeof value === 'string' && Number.isInteger(number) && number > 0 ? number : null;
  };
  const limit = computed(() => limitOf(session.user));
  // until the cities are there the address is taken at its word
  const chosen = computed(() =>
    areaOf({ city: code(route.query.city), county: code(route.query.county) }, limit.value, (city) => !areas.cities.length || areas.byCode.has(city)),
  );
  const cityCode = computed(() => chosen.value.city);
  const countyCode = computed(() => chosen.value.county);
  /** What a question adds to what the account sees anyway. */
  const narrowed = computed(() => ({ city: limit.value.city ? null : cityCode.value, county: limit.value.county ? null : countyCode.value }));
  const city = computed<City | undefined>(() => (cityCode.value ? areas.byCode.get(cityCode.value) : undefined));
  const county = computed<County | undefined>(() =>
    countyCode.value ? areas.countyByCode.get(countyCode.value) : undefined,
  );

  function choose(nextCity: number | null, nextCounty: number | null = null): void {
    const query = { ...route.query };
    delete query.city;
    delete query.county;
    delete query.view; // the map goes to the new area
    delete query.page; // a list begins anew
    if (nextCity && !limit.value.city) query.city = String(nextCity);
    if (nextCounty && !limit.value.county) query.county = String(nextCounty);
    void router.push({ query });
  }

  return { cityCode, countyCode, city, county, limit, narrowed, choose };
}
