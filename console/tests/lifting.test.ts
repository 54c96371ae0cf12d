import { createPinia, setActivePinia } from 'pinia';
import { beforeEach, describe, expect, it } from 'vitest';

import { useLifting, wantedOf } from '@/shell/lifting';

beforeEach(() => setActivePinia(createPinia()));

describe('refusals that can be lifted', () => {
  const proof = wantedOf({ rule: 'reauthenticate', field: null }, '/api/users/7');
  const reason = wantedOf({ rule: 'reason_required', field: 'track' }, '/api/vehicles/12/track?from=1');

  it('name the row of the rights table and the truck of the address', () => {
    expect(reason).toEqual({ kind: 'reason', row: 'position', vehicle: 12 });
  });

  it('wait together for one dialog, the next one after it', async () => {
    const lifting = useLifting();
    const first = [lifting.ask(proof), lifting.ask(proof)];
    const other = lifting.ask(reason);
    lifting.settle(true);
    expect(await Promise.all(first)).toEqual([true, true]);
    expect(lifting.wanted).toEqual(reason);
    lifting.settle(false);
    expect(await other).toBe(false);
    expect(await lifting.ask(reason)).toBe(false);
  });

  it('are given up when the page or the person changes, so that nobody else proves them', async () => {
    const lifting = useLifting();
    const waiting = [lifting.ask(proof), lifting.ask(reason)];
    lifting.forget();
    expect(await Promise.all(waiting)).toEqual([false, false]);
    expect(lifting.wanted).toBeNull();
    void lifting.ask(reason);
    expect(lifting.wanted).toEqual(reason);
  });
});
