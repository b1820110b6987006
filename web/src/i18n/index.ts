/** English and Chinese. A language is one chunk; `src/i18n/*.test.ts` fails on a missing or an unused key. */
import i18n from 'i18next';
import { initReactI18next } from 'react-i18next';

export type Language = 'en' | 'zh';
export const LANGUAGES: { value: Language; label: string }[] = [{ value: 'en', label: 'English' }, { value: 'zh', label: '中文' }];

const KEY = 'chargehand.language';
const LOAD: Record<Language, () => Promise<{ default: object }>> = { en: () => import('./en'), zh: () => import('./zh') };

const preferred = (): Language => {
  const stored = localStorage.getItem(KEY);
  if (stored === 'en' || stored === 'zh') return stored;
  return (navigator.languages ?? [navigator.language]).find((tag) => /^(en|zh)/.test(tag))?.startsWith('zh') ? 'zh' : 'en';
};

export async function startLanguage(language: Language = preferred()): Promise<void> {
  const bundle = (await LOAD[language]()).default;
  if (!i18n.isInitialized) {
    await i18n.use(initReactI18next).init({
      lng: language, fallbackLng: false, resources: { [language]: { translation: bundle } },
      interpolation: { escapeValue: false }, returnNull: false, // React escapes
    });
  } else {
    i18n.addResourceBundle(language, 'translation', bundle, true, true);
    await i18n.changeLanguage(language);
  }
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
}

export async function chooseLanguage(language: Language): Promise<void> {
  localStorage.setItem(KEY, language);
  await startLanguage(language);
}
