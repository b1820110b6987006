import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { InboxIcon } from 'lucide-react';
import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { approvalsQuery, type ApprovalSummary } from '../../api/approvals';
import { useMay } from '../../app/session';
import { Dialog } from '../../ui/Dialog';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { Segmented } from '../../ui/Field';
import { Page } from '../../ui/Page';
import { preferences } from '../../ui/preferences';
import { useKeys } from '../../ui/useKeys';
import { usePhone } from '../../ui/useMedia';
import css from './Approvals.module.css';
import { Batch } from './Batch';
import { Detail } from './Detail';
import { Inbox } from './Inbox';
import { Mandates } from './Mandates';
import { selectable } from './verdict';

type Tab = 'mine' | 'asked' | 'closed' | 'mandates';

export function ApprovalsPage() {
  const { t } = useTranslation();
  const search = useSearch({ from: '/approvals' });
  const navigate = useNavigate({ from: '/approvals' });
  const may = useMay();
  const phone = usePhone();
  const tab = (search.tab ?? (may('give_verdict') ? 'mine' : 'asked')) as Tab;
  const query = useQuery({ ...approvalsQuery(tab === 'closed' ? { state: 'closed' } : { state: 'pending', mine: tab === 'mine' }), enabled: tab !== 'mandates' });
  const rows = useMemo(() => query.data?.items ?? [], [query.data]);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const list = useRef<HTMLUListElement>(null);
  const select = useCallback((id: string | undefined) => void navigate({ search: (old) => ({ ...old, id }), replace: true }), [navigate]);
  // The selection is pinned by id: a request that arrives never slides under the cursor.
  useEffect(() => { if (!search.id && !phone && rows[0]) select(rows[0].id); }, [search.id, phone, rows, select]);
  const at = rows.findIndex((row) => row.id === search.id);
  const move = (by: number) => {
    const next = rows[Math.max(0, Math.min(rows.length - 1, at + by))];
    if (!next) return;
    select(next.id);
    list.current?.querySelector<HTMLElement>(`[data-id="${CSS.escape(next.id)}"]`)?.focus();
  };
  const toggle = (row: ApprovalSummary | undefined) => {
    if (!row || !selectable(row)) return;
    setChosen((old) => { const next = new Set(old); if (!next.delete(row.id)) next.add(row.id); return next; });
  };
  useKeys({ j: () => move(1), k: () => move(-1), x: () => toggle(rows[at]), Escape: () => setChosen(new Set()) });
  const after = () => {
    const next = rows[at + 1] ?? rows[at - 1];
    select(phone ? undefined : next?.id);
  };
  const tabs: { value: Tab; label: string }[] = [
    ...(may('give_verdict') ? [{ value: 'mine' as const, label: t('approvals.mine') }] : []),
    { value: 'asked', label: t('approvals.asked') },
    { value: 'closed', label: t('approvals.closed') },
    { value: 'mandates', label: t('approvals.mandates') },
  ];
  const picked = rows.filter((row) => chosen.has(row.id));
  return (
    <Page fill name={t('nav.approvals')} title={t('nav.approvals')}
      beside={<Segmented<Tab> label={t('approvals.which')} value={tab} options={tabs} onChange={(next) => { setChosen(new Set()); void navigate({ search: { tab: next }, replace: true }); }} />}
      actions={tab === 'mine' && preferences.get().singleKeys && <KeyHints />}>
      {tab === 'mandates' ? <Mandates /> : (
        <div className={css.split}>
          <div className={css.list} role="region" aria-label={t('approvals.inbox')} tabIndex={-1}>
            {query.isError ? <Failed error={query.error} onRetry={() => void query.refetch()} />
              : query.isPending ? <SkeletonRows rows={6} />
              : rows.length === 0 ? <Empty icon={InboxIcon} tone="allow" title={t(tab === 'mine' ? 'approvals.none' : 'approvals.nothing')} text={t(tab === 'mine' ? 'approvals.noneText' : 'approvals.nothingText')} />
              : <Inbox ref={list} rows={rows} selected={search.id} chosen={chosen} onSelect={select} onToggle={toggle} />}
            {picked.length > 0 && <Batch items={picked} onDone={() => setChosen(new Set())} />}
          </div>
          {!phone && <div className={css.detail}>{search.id ? <Detail key={search.id} id={search.id} onDone={after} /> : rows.length > 0 && <Empty icon={InboxIcon} title={t('approvals.pick')} />}</div>}
          {phone && search.id && (
            <Dialog open onClose={() => select(undefined)} shape="full" title={t('nav.approvals')}>
              <div className={css.phone}><Detail key={search.id} id={search.id} onDone={after} inDialog /></div>
            </Dialog>
          )}
        </div>
      )}
    </Page>
  );
}

function KeyHints() {
  const { t } = useTranslation();
  return (
    <span className={`wide-only ${css.keys}`}>
      <kbd>J</kbd><kbd>K</kbd> {t('approvals.keyMove')} <kbd>A</kbd> {t('approvals.approve')} <kbd>D</kbd> {t('approvals.deny')} <kbd>E</kbd> {t('approvals.keyExact')}
    </span>
  );
}
