import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from '@tanstack/react-router';
import { ArrowLeft } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { diffQuery, draftQuery, type Draft } from '../../api/policy';
import { Problem } from '../../api/problem';
import { Failed, Inline, SkeletonRows } from '../../ui/Feedback';
import { Column, Page, Section } from '../../ui/Page';
import { State } from '../../ui/State';
import { BacktestPanel } from './BacktestPanel';
import { Difference } from './Difference';
import { DraftActions } from './DraftActions';
import { Editor } from './Editor';

export function DraftPage() {
  const { t } = useTranslation();
  const { draft: id } = useParams({ from: '/policies/drafts/$draft' });
  const draft = useQuery(draftQuery(id));
  const title = draft.data?.title ?? t('policies.tabs.drafts');
  return (
    <Page name={title} title={<span className="row"><Link to="/policies" search={{ tab: 'drafts' }} className="row muted" aria-label={t('policies.tabs.drafts')}><ArrowLeft size={15} aria-hidden /></Link>{title}</span>}
      beside={draft.data && <State name={draft.data.state} />} actions={draft.data && <DraftActions draft={draft.data} />}>
      {draft.isError ? <Failed error={draft.error} onRetry={() => void draft.refetch()} /> : !draft.data ? <SkeletonRows rows={8} /> : <Body draft={draft.data} />}
    </Page>
  );
}

/** Draft, difference, expected decisions, backtest: what a reviewer reads before agreeing. */
function Body({ draft }: { draft: Draft }) {
  const { t } = useTranslation();
  const diff = useQuery({ ...diffQuery(draft.id), retry: false });
  const doesNotLint = diff.error instanceof Problem && diff.error.status === 422;
  return (
    <Column>
      {draft.reason && <p className="ink2">{draft.reason}</p>}
      {draft.review_comment && <p className="sm">{t('policies.reviewSaid')} <q>{draft.review_comment}</q></p>}
      {doesNotLint && <Inline error={diff.error} />}
      <Section title={t('policies.edit')}><Editor key={draft.content_hash} draft={draft} /></Section>
      {diff.data && <Difference diff={diff.data} />}
      {diff.data && <BacktestPanel draft={draft.id} />}
    </Column>
  );
}
