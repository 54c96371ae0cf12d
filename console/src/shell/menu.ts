/** The entries of the menu. The server says which of them a role opens; their order is the server's too. */
import type { IconName } from '@/parts/icons';

export const PAGES = {
  monitor: { icon: 'monitor', name: 'nav.monitor' },
  alarms: { icon: 'alarm', name: 'nav.alarms' },
  oversight: { icon: 'shield', name: 'nav.oversight' },
  video: { icon: 'video', name: 'nav.video' },
  track: { icon: 'track', name: 'nav.track' },
  install: { icon: 'link', name: 'nav.install' },
  roadside: { icon: 'truck', name: 'nav.roadside' },
  commands: { icon: 'command', name: 'nav.commands' },
  access: { icon: 'access', name: 'nav.access' },
  explain: { icon: 'explain', name: 'nav.explain' },
  assets: { icon: 'file', name: 'nav.assets' },
  system: { icon: 'settings', name: 'nav.system' },
} as const satisfies Record<string, { icon: IconName; name: string }>;

export type PageName = keyof typeof PAGES;

/** Everybody's own page, in no menu. */
export const OWN = '/me';

/** Of the pages that the server names those that this console has. */
export function menuOf(opened: readonly string[]): PageName[] {
  return opened.filter((page): page is PageName => page in PAGES);
}

/** The role's first page, the first of its menu where this console does not have that one, else the own page. */
export function firstPage(landing: string, menu: readonly PageName[]): string {
  const name = landing.replace(/^\//, '');
  if (menu.some((page) => page === name) || landing === OWN) return landing;
  return menu[0] ? `/${menu[0]}` : OWN;
}
