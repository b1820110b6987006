/** Five-field cron expressions in words, in both languages; the server alone says whether one is right and when it is due. */
import cronstrue from 'cronstrue';
import 'cronstrue/locales/zh_CN';
import i18n from 'i18next';

/** The expression in words, or null where it is none. */
export function cronInWords(cron: string): string | null {
  if (cron.trim().split(/\s+/).length !== 5) return null;
  try {
    return cronstrue.toString(cron.trim(), { locale: i18n.language === 'zh' ? 'zh_CN' : 'en', use24HourTimeFormat: true });
  } catch {
    return null;
  }
}
