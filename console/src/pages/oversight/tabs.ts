/** The tabs of 监督. A tab is a line: its code in the address, its name, its component, and who has it. */
import { defineAsyncComponent } from 'vue';
import type { Component } from 'vue';

import type { Words } from '@/i18n';

import { countsDays, readsCases, readsOrders, readsRows, supervises } from './rights';
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
  { code: 'appeals', zh: '申诉', en: 'Appeals', component: defineAsyncComponent(() => import('./appeals/AppealsTab.vue')), who: readsCases, whole: true },
  { code: 'verdicts', zh: '误报统计', en: 'False alarms', component: defineAsyncComponent(() => import('./numbers/VerdictsTab.vue')), who: readsCases },
  { code: 'funnel', zh: '报警漏斗', en: 'Funnel', component: defineAsyncComponent(() => import('./numbers/FunnelTab.vue')), who: countsDays },
  { code: 'evidence', zh: '附件完整', en: 'Evidence', component: defineAsyncComponent(() => import('./numbers/EvidenceTab.vue')), who: readsCases },
  { code: 'flags', zh: '虚假处理', en: 'Sham handling', component: defineAsyncComponent(() => import('./flags/FlagsTab.vue')), who: supervises, whole: true },
  { code: 'rules', zh: '督查规则', en: 'Rules', component: defineAsyncComponent(() => import('./rules/RulesTab.vue')), who: (session) => session.may('read', 'case_policy') },
];
