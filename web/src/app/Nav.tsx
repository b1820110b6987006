import { Link } from '@tanstack/react-router';
import { ChevronsUpDown, Languages, LogOut, Moon, OctagonX, Search, Settings, Sun } from 'lucide-react';
import { useQuery } from '@tanstack/react-query';
import { useTranslation } from 'react-i18next';
import { signOut } from '../api/me';
import { freezesQuery } from '../api/risk';
import { useLive } from '../api/useLive';
import { chooseLanguage } from '../i18n';
import { Menu } from '../ui/Menu';
import { Avatar } from '../ui/Person';
import { preferences } from '../ui/preferences';
import { useMedia } from '../ui/useMedia';
import { router } from '../router';
import { Logo } from './Logo';
import css from './Nav.module.css';
import { NAVIGATION, type Place } from './navigation';
import { useMay, useMe } from './session';

export function Nav({ onPalette, onStop }: { onPalette: () => void; onStop: () => void }) {
  const { t } = useTranslation();
  const may = useMay();
  return (
    <div className={css.nav}>
      <div className={css.brand}><Logo /><span className="strong">Chargehand</span></div>
      <button type="button" className={css.search} onClick={onPalette}>
        <Search size={15} aria-hidden />
        <span className="grow">{t('nav.search')}</span>
        <kbd>{/Mac/.test(navigator.userAgent) ? '⌘K' : 'Ctrl K'}</kbd>
      </button>
      <nav aria-label={t('nav.main')} className="grow">
        {NAVIGATION.map(({ id, places }) => {
          const mine = places.filter((place) => !place.needs || may(place.needs));
          return mine.length > 0 && (
            <div key={id}>
              <p className={css.group}>{t(`nav.${id}`)}</p>
              {mine.map((place) => <Item key={place.id} place={place} />)}
            </div>
          );
        })}
      </nav>
      <Status onStop={onStop} />
      <Who />
    </div>
  );
}

function Item({ place }: { place: Place }) {
  const { t } = useTranslation();
  const { counts } = useLive();
  const Icon = place.icon;
  const count = place.count ? (counts?.[place.count] ?? 0) : 0;
  return (
    <Link to={place.to} className={css.item} activeProps={{ 'aria-current': 'page' }}>
      <Icon size={16} strokeWidth={1.8} aria-hidden />
      {t(`nav.${place.id}`)}
      {count > 0 && <span className={css.count}>{count}<span className="hidden"> {t('nav.waiting')}</span></span>}
    </Link>
  );
}

/** Always in sight: whether everything runs, and for those who may, the stop switch. */
function Status({ onStop }: { onStop: () => void }) {
  const { t } = useTranslation();
  const may = useMay();
  const frozen = useQuery(freezesQuery).data?.filter((each) => !each.lifted_at).length ?? 0;
  return (
    <div className={css.status}>
      <span className={css.dot} data-frozen={frozen > 0 || undefined} />
      <span className="grow trunc">{frozen > 0 ? t('nav.frozen', { count: frozen }) : t('nav.allOn')}</span>
      {may('freeze') && (
        <button type="button" className={css.stop} onClick={onStop}><OctagonX size={14} aria-hidden />{t('nav.stop')}</button>
      )}
    </div>
  );
}

function Who() {
  const { t, i18n } = useTranslation();
  const me = useMe();
  const prefersDark = useMedia('(prefers-color-scheme: dark)');
  const theme = preferences.get().theme;
  const dark = theme === 'dark' || (theme === 'auto' && prefersDark);
  return (
    <Menu label={me.name} up width={216} trigger={(props) => (
      <button type="button" className={css.who} {...props}>
        <Avatar id={me.principal} name={me.name} size={26} />
        <span className={css.name}><span className="trunc">{me.name}</span><span className={css.roles}>{me.roles.map((role) => t(`role.${role.replaceAll('-', '_')}`, { defaultValue: role })).join(', ')}</span></span>
        <ChevronsUpDown size={14} aria-hidden />
      </button>
    )} items={[
      { label: t('nav.theme'), icon: dark ? <Sun /> : <Moon />, onSelect: () => preferences.set({ theme: dark ? 'light' : 'dark' }) },
      { label: i18n.language === 'zh' ? 'English' : '中文', icon: <Languages />, onSelect: () => void chooseLanguage(i18n.language === 'zh' ? 'en' : 'zh') },
      { label: t('nav.settings'), icon: <Settings />, onSelect: () => void router.navigate({ to: '/settings' }) },
      { label: t('nav.signOut'), icon: <LogOut />, onSelect: () => void signOut().finally(() => location.assign('/')) },
    ]} />
  );
}
