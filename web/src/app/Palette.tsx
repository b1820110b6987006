import { useQuery } from '@tanstack/react-query';
import { OctagonX, Play, Search, Stamp, type LucideIcon } from 'lucide-react';
import { useId, useMemo, useState, type KeyboardEvent } from 'react';
import { useTranslation } from 'react-i18next';
import { agentsQuery } from '../api/agents';
import { approvalsQuery } from '../api/approvals';
import { said } from '../i18n/said';
import { router } from '../router';
import { Dialog } from '../ui/Dialog';
import { NAVIGATION, SETTINGS } from './navigation';
import css from './Palette.module.css';
import { search, type Action } from './search';
import { useMay } from './session';

type Entry = Action & { icon: LucideIcon };

/** ⌘K: everywhere and everything that can be started, by a few letters of either language. */
export default function Palette({ onClose, onStop }: { onClose: () => void; onStop: () => void }) {
  const { t } = useTranslation();
  const may = useMay();
  const list = useId();
  const [text, setText] = useState('');
  const [at, setAt] = useState(0);
  const agents = useQuery(agentsQuery).data?.filter((agent) => agent.i_may_start);
  const approvals = useQuery(approvalsQuery({ state: 'pending', mine: true })).data;
  const entries = useMemo<Entry[]>(() => [
    ...(agents ?? []).map((agent) => ({
      id: `start:${agent.name}`, group: t('nav.start'), label: agent.title, detail: agent.description, icon: Play,
      run: () => void router.navigate({ to: '/start/$agent', params: { agent: agent.name } }),
    })),
    ...(approvals?.items ?? []).map((approval) => ({
      id: approval.id, group: t('nav.approvals'), label: said(approval), detail: approval.requester_name, icon: Stamp,
      run: () => void router.navigate({ to: '/approvals', search: { id: approval.id } }),
    })),
    ...[...NAVIGATION.flatMap((group) => group.places), SETTINGS].filter((place) => !place.needs || may(place.needs)).map((place) => ({
      id: place.id, group: t('nav.places'), label: t(`nav.${place.id}`), detail: '', icon: place.icon, also: place.id,
      run: () => void router.navigate({ to: place.to }),
    })),
    ...(may('freeze') ? [{ id: 'stop', group: t('nav.places'), label: t('stop.title'), detail: '', also: 'stop freeze kill', icon: OctagonX, run: onStop }] : []),
  ], [agents, approvals, t, may, onStop]);
  const found = search(entries, text).slice(0, 12);
  const chosen = Math.min(at, found.length - 1);
  const pick = (entry: Entry | undefined) => {
    if (!entry) return;
    onClose();
    entry.run();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) {
      event.preventDefault();
      setAt((chosen + step + found.length) % Math.max(1, found.length));
    } else if (event.key === 'Enter' && !event.nativeEvent.isComposing) {
      event.preventDefault();
      pick(found[chosen]);
    }
  };
  return (
    <Dialog open onClose={onClose} title={t('nav.search')} bare width={600}>
      <div className={css.box}>
        <Search size={17} aria-hidden />
        <input autoFocus role="combobox" aria-expanded aria-controls={list} aria-activedescendant={found[chosen] && `${list}-${chosen}`} aria-label={t('nav.search')}
          placeholder={t('nav.searchFor')} className={css.input} value={text} onKeyDown={onKeyDown}
          onChange={(event) => { setText(event.target.value); setAt(0); }} />
      </div>
      <ul id={list} role="listbox" aria-label={t('nav.search')} className={css.list}>
        {found.map((entry, i) => {
          const Icon = entry.icon;
          return (
            <li key={entry.id} id={`${list}-${i}`} role="option" aria-selected={i === chosen} className={css.option} onMouseMove={() => setAt(i)} onClick={() => pick(entry)}>
              <Icon size={16} aria-hidden />
              <span className={css.label}><span className="trunc">{entry.label}</span>{entry.detail && <span className="xs muted trunc">{entry.detail}</span>}</span>
              <span className="xs muted nowrap">{entry.group}</span>
            </li>
          );
        })}
      </ul>
      {found.length === 0 && <p className={css.none} role="status">{t('nav.nothing')}</p>}
    </Dialog>
  );
}
