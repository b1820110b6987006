import { useTranslation } from 'react-i18next';
import { useMay, useMe } from '../../app/session';
import { chooseLanguage, LANGUAGES, type Language } from '../../i18n';
import { CheckField, Field, Segmented } from '../../ui/Field';
import { Column, Page, Section } from '../../ui/Page';
import { preferences, usePreferences, type Theme } from '../../ui/preferences';
import { Facts } from '../../ui/Table';
import { Absences } from './Absences';
import css from './Settings.module.css';
import { Tokens } from './Tokens';

export function SettingsPage() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const may = useMay();
  const { theme, singleKeys } = usePreferences();
  return (
    <Page name={t('nav.settings')} title={t('nav.settings')}>
      <Column>
        <Section title={t('settings.you')}>
          <div className={`card ${css.panel}`}>
            <Facts items={[
              [t('people.name'), me.name],
              [t('people.login'), <span className="mono">{me.principal}</span>],
              [t('people.roles'), me.roles.map((role) => t(`role.${role.replaceAll('-', '_')}`, { defaultValue: role })).join(', ') || t('common.none')],
              [t('settings.tenant'), me.tenant],
            ]} />
          </div>
        </Section>
        <Section title={t('settings.look')}>
          <div className={`card ${css.panel}`}>
            <Field id="language" group label={t('settings.language')}><Segmented<Language> label={t('settings.language')} value={i18n.language as Language} options={LANGUAGES} onChange={(next) => void chooseLanguage(next)} /></Field>
            <Field id="theme" group label={t('settings.theme')}>
              <Segmented<Theme> label={t('settings.theme')} value={theme} onChange={(next) => preferences.set({ theme: next })} options={(['auto', 'light', 'dark'] as const).map((value) => ({ value, label: t(`settings.themes.${value}`) }))} />
            </Field>
            <CheckField switched label={t('settings.singleKeys')} hint={t('settings.singleKeysText')} checked={singleKeys} onChange={(event) => preferences.set({ singleKeys: event.target.checked })} />
          </div>
        </Section>
        {may('give_verdict') && <Absences />}
        <Tokens />
      </Column>
    </Page>
  );
}
