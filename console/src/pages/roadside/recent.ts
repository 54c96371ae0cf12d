/** Plates looked up in this tab: gone with it and with the login. Kept nowhere else; the audit log has its own record. */
const STORED = 'luwei.roadside.recent';
const MOST = 6;

export interface Recent {
  plate: string;
  color: number;
}

interface Kept {
  user: number;
  plates: Recent[];
}

export function recentOf(user: number): Recent[] {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORED) ?? 'null') as Kept | null;
    return kept?.user === user ? kept.plates : [];
  } catch {
    return [];
  }
}

export function remember(user: number, one: Recent): Recent[] {
  const plates = [one, ...recentOf(user).filter((each) => each.plate !== one.plate || each.color !== one.color)].slice(0, MOST);
  try {
    sessionStorage.setItem(STORED, JSON.stringify({ user, plates } satisfies Kept));
  } catch {
    // storage is refused: the list lives as long as the page
  }
  return plates;
}

export function forget(): void {
  try {
    sessionStorage.removeItem(STORED);
  } catch {
    // nothing was kept
  }
}
