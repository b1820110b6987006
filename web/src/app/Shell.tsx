import { Outlet, useRouterState } from '@tanstack/react-router';
import { Menu as Burger } from 'lucide-react';
import { lazy, Suspense, useEffect, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { useConnectLive } from '../api/useLive';
import { IconButton } from '../ui/Button';
import { Dialog } from '../ui/Dialog';
import { FreezeBanner } from './FreezeBanner';
import { Logo } from './Logo';
import { Nav } from './Nav';
import css from './Shell.module.css';
import { StalePill } from './StalePill';

const Palette = lazy(() => import('./Palette'));
const StopDialog = lazy(() => import('../features/stop/StopDialog'));

export type Overlay = 'palette' | 'stop' | null;

/** What stands around every page: navigation, banners, the palette and the stop switch. */
export function Shell() {
  const { t } = useTranslation();
  const [menu, setMenu] = useState(false);
  const [overlay, setOverlay] = useState<Overlay>(null);
  const path = useRouterState({ select: (state) => state.location.pathname });
  useConnectLive();
  useEffect(() => setMenu(false), [path]);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if ((event.metaKey || event.ctrlKey) && event.key.toLowerCase() === 'k') {
        event.preventDefault();
        setOverlay((shown) => (shown === 'palette' ? null : 'palette'));
      }
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const close = () => setOverlay(null);
  const nav = <Nav onPalette={() => { setMenu(false); setOverlay('palette'); }} onStop={() => { setMenu(false); setOverlay('stop'); }} />;
  return (
    <div className={css.shell}>
      <a href="#main" className={css.skip}>{t('nav.skip')}</a>
      <aside className={`${css.side} wide-only`}>{nav}</aside>
      <header className={`${css.topbar} phone-only`}>
        <IconButton label={t('nav.menu')} size={44} onClick={() => setMenu(true)}><Burger size={19} aria-hidden /></IconButton>
        <Logo />
        <span className="strong">Chargehand</span>
      </header>
      <Dialog open={menu} onClose={() => setMenu(false)} shape="left" width={276} title={t('nav.menu')} bare>{nav}</Dialog>
      <main id="main" tabIndex={-1} className={css.main}>
        <FreezeBanner />
        <Outlet />
      </main>
      <StalePill />
      <Suspense>
        {overlay === 'palette' && <Palette onClose={close} onStop={() => setOverlay('stop')} />}
        {overlay === 'stop' && <StopDialog onClose={close} />}
      </Suspense>
    </div>
  );
}
