/** English and Chinese. A language is one chunk; `src/i18n/*.test.ts` fails on a missing or an unused key. */
import i18n from 'i18next';
import { initReactI18next } from 'react-i18next';
import { takeSentences, type Catalogue } from './sentences';

export type Language = 'en' | 'zh';
export const LANGUAGES: { value: Language; label: string }[] = [{ value: 'en', label: 'English' }, { value: 'zh', label: '中文' }];

const KEY = 'chargehand.language';
const LOAD: Record<Language, () => Promise<{ default: object }>> = { en: () => import('./en'), zh: () => import('./zh') };

/** What is shown is worded again when this is told. */
const SENTENCES_CAME = 'sentences';

/** The server's sentences, of languages other than its own. */
const SENTENCES: Record<Language, () => Promise<Catalogue | null>> = {
  en: () => Promise.resolve(null),
  zh: () => import('./sentences/zh.json').then((found) => found.default),
};

const nameOf = (word: string) => (/^[a-z_]+$/.test(word) && i18n.exists(`state.${word}`) ? i18n.t(`state.${word}`) : word);

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
      react: { bindI18n: `languageChanged ${SENTENCES_CAME}` },
    });
  } else {
    i18n.addResourceBundle(language, 'translation', bundle, true, true);
    await i18n.changeLanguage(language);
  }
  document.documentElement.lang = language === 'zh' ? 'zh-CN' : 'en';
  void loadSentences(language); // nothing waits for them: until they are there the server is quoted
}

export async function loadSentences(language: Language): Promise<void> {
  const sentences = await SENTENCES[language]();
  if (i18n.language !== language) return; // another one was chosen meanwhile
  takeSentences(sentences, nameOf);
  i18n.emit(SENTENCES_CAME);
}

export async function chooseLanguage(language: Language): Promise<void> {
  localStorage.setItem(KEY, language);
  await startLanguage(language);
}
