import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { ScrollText, SearchX } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { facetsQuery, rowsQuery } from '../../api/log';
import { Problem } from '../../api/problem';
import { useMay } from '../../app/session';
import { Button } from '../../ui/Button';
import { Empty, Failed, SkeletonRows } from '../../ui/Feedback';
import { Page } from '../../ui/Page';
import { fine } from './buckets';
import { CheckpointPill } from './CheckpointPill';
import { Chips } from './Chips';
import { ExportMenu } from './ExportMenu';
import { FilterBar } from './FilterBar';
import { Histogram } from './Histogram';
import css from './Log.module.css';
import { RecordDrawer } from './RecordDrawer';
import { RecordTable } from './RecordTable';
import { SavedQueries } from './SavedQueries';

/** The action log: find, explain, prove, export. The filter is text in the address, so every view can be sent on. */
export function LogPage() {
  const { t } = useTranslation();
  const may = useMay();
  const { q = '', seq } = useSearch({ from: '/log' });
  const navigate = useNavigate({ from: '/log' });
  const setQuery = (next: string) => void navigate({ search: (old) => ({ ...old, q: next || undefined, seq: undefined }) });
  const setSeq = (next: number | undefined) => void navigate({ search: (old) => ({ ...old, seq: next }), replace: true });
  const rows = useInfiniteQuery({ ...rowsQuery(q), enabled: may('read_log') });
  const byDay = useQuery({ ...facetsQuery(q, 'day'), enabled: may('read_log'), placeholderData: keepPreviousData });
  const byHour = useQuery({ ...facetsQuery(q, 'hour'), enabled: byDay.isSuccess && fine(byDay.data), placeholderData: keepPreviousData });
  const facets = fine(byDay.data) ? byHour : byDay;
  const items = rows.data?.pages.flatMap((page) => page.items) ?? [];
  const badFilter = rows.error instanceof Problem && rows.error.status === 422 ? rows.error : null;
  if (!may('read_log')) return <Page name={t('nav.log')} title={t('nav.log')}><Failed error={new Problem('', 403)} /></Page>;
  return (
    <Page fill name={t('nav.log')} title={t('nav.log')} beside={<CheckpointPill />}
      actions={<><SavedQueries q={q} onOpen={setQuery} />{may('export_log') && <ExportMenu q={q} />}</>}>
      <div className={css.log}>
        <FilterBar key={q} q={q} problem={badFilter} onApply={setQuery} />
        <Chips q={q} facets={facets.data} onChange={setQuery} />
        <Histogram q={q} facets={facets.data} onChange={setQuery} />
        {badFilter ? <div className="grow" />
          : rows.isError ? <Failed error={rows.error} onRetry={() => void rows.refetch()} />
          : rows.isPending ? <SkeletonRows rows={10} />
          : items.length === 0 ? (
            <Empty icon={q ? SearchX : ScrollText} title={t(q ? 'log.nothingFound' : 'log.none')} text={t(q ? 'log.nothingFoundText' : 'log.noneText')}>
              {q && <Button onClick={() => setQuery('')}>{t('log.clear')}</Button>}
            </Empty>
          ) : (
            <RecordTable rows={items} total={facets.data?.total} more={rows.hasNextPage} loading={rows.isFetchingNextPage}
              onMore={() => { if (rows.hasNextPage && !rows.isFetchingNextPage) void rows.fetchNextPage(); }} selected={seq} onOpen={setSeq} />
          )}
      </div>
      {seq !== undefined && <RecordDrawer key={seq} seq={seq} onClose={() => setSeq(undefined)} onOpen={setSeq} onFilter={setQuery} />}
    </Page>
  );
}
