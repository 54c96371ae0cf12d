/** The tabs of 监督. A tab is a line: its code in the address, its name, its component, and who has it. */
import { defineAsyncComponent } from 'vue';
import type { Component } from 'vue';

import type { Words } from '@/i18n';

import { readsOrders, readsRows, supervises } from './rights';
import type { Who } from './rights';

export interface OversightTab extends Words {
  code: string;
  component: Component;
  who: Who;
  /** It fills the page to its edges and scrolls within itself. */
  whole?: boolean;
}

export const TABS: readonly OversightTab[] = [
  { code: 'orders', zh: '督办', en: 'Orders', component: defineAsyncComponent(() => import('./orders/OrdersTab.vue')), who: readsOrders, whole: true },
  { code: 'checks', zh: '查岗', en: 'Post checks', component: defineAsyncComponent(() => import('./checks/ChecksTab.vue')), who: readsRows },
  { code: 'proposals', zh: '督办建议', en: 'Proposals', component: defineAsyncComponent(() => import('./proposals/ProposalsTab.vue')), who: supervises },
];
