import './theme/tokens.css';
import './theme/base.css';
import './theme/parts.css';

import { createPinia } from 'pinia';
import { createApp } from 'vue';

import App from './App.vue';
import { locale, setLocale } from './i18n';
import { router } from './router';

setLocale(locale.value);
createApp(App).use(createPinia()).use(router).mount('#app');
