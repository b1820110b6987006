import { useNavigate, useSearch } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import { Problem } from '../../api/problem';
import { useMay } from '../../app/session';
import { Failed } from '../../ui/Feedback';
import { Segmented } from '../../ui/Field';
import { Column, Page } from '../../ui/Page';
import { Ask } from './Ask';
import { Checks } from './Checks';
import { Drafts } from './Drafts';
import { Revisions } from './Revisions';
import { Rules } from './Rules';

const TABS = ['rules', 'ask', 'checks', 'drafts', 'revisions'] as const;
type Tab = (typeof TABS)[number];

export function PoliciesPage() {
  const { t } = useTranslation();
  const may = useMay();
  const search = useSearch({ from: '/policies' });
  const navigate = useNavigate({ from: '/policies' });
  const tab = TABS.find((each) => each === search.tab) ?? 'rules';
  return (
    <Page name={t('nav.policies')} title={t('nav.policies')}
      beside={may('read_policy') && <Segmented<Tab> label={t('policies.view')} value={tab} onChange={(next) => void navigate({ search: { tab: next }, replace: true })} options={TABS.map((value) => ({ value, label: t(`policies.tabs.${value}`) }))} />}>
      {!may('read_policy') ? <Failed error={new Problem('', 403)} /> : (
        <Column>
          {tab === 'rules' && <Rules />}
          {tab === 'ask' && <Ask />}
          {tab === 'checks' && <Checks />}
          {tab === 'drafts' && <Drafts />}
          {tab === 'revisions' && <Revisions />}
        </Column>
      )}
    </Page>
  );
}
