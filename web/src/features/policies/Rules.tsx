import { useQuery } from '@tanstack/react-query';
import { Search, TriangleAlert, Users } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { policyQuery, type PolicyOverview, type RuleView } from '../../api/policy';
import { inLanguage } from '../../i18n/said';
import { Failed, SkeletonRows } from '../../ui/Feedback';
import { TextField } from '../../ui/Field';
import { duration, humanize, principalName } from '../../ui/format';
import { Section } from '../../ui/Page';
import { State } from '../../ui/State';
import { Table } from '../../ui/Table';
import css from './Policies.module.css';

/** The rules in force, in words; who may have to agree; who holds which role. */
export function Rules() {
  const { t } = useTranslation();
  const policy = useQuery(policyQuery);
  const [text, setText] = useState('');
  if (policy.isError) return <Failed error={policy.error} onRetry={() => void policy.refetch()} />;
  if (!policy.data) return <SkeletonRows rows={8} />;
  const { rules, approval_rules: approvals, roles, revision, warnings, origin, differs_on_disk: differs } = policy.data;
  const wanted = text.trim().toLowerCase();
  const shown = rules.filter((rule) => [...Object.values(rule.says), ...Object.values(rule.means), rule.tool, rule.subject, rule.id].join(' ').toLowerCase().includes(wanted));
  return (
    <>
      <div className="row between wrap">
        <div className={css.search}><TextField hideLabel type="search" label={t('policies.search')} placeholder={t('policies.search')} icon={<Search size={15} />} value={text} onChange={(event) => setText(event.target.value)} /></div>
        <span className="xs muted">{t('policies.inForce')} <span className="mono">{revision.slice(0, 16)}</span> · {t(`policies.origin.${origin}`)}</span>
      </div>
      {differs.length > 0 && <p className="sm ink2 row"><TriangleAlert size={15} aria-hidden />{t(`policies.differs.${origin}`, { files: differs.join(', ') })}</p>}
      <Problems problems={warnings} />
      <Section title={t('policies.rules', { count: shown.length })}><RuleTable rows={shown} /></Section>
      <Section title={t('policies.approvals')}><ApprovalRules rules={approvals} /></Section>
      <Section title={t('policies.roles')}>
        <ul className={css.roles}>
          {roles.map((role) => (
            <li key={role.name} className={`card ${css.role}`}>
              <p className="med row"><Users size={15} aria-hidden />{t(`role.${role.name.replaceAll('-', '_')}`, { defaultValue: humanize(role.name) })}</p>
              {inLanguage(role.says) && <p className="xs muted">{inLanguage(role.says)}</p>}
              <p className="sm ink2">{role.holders.map(principalName).join(', ') || t('common.none')}</p>
              {role.includes.length > 0 && <p className="xs muted">{t('policies.includes', { roles: role.includes.map(humanize).join(', ') })}</p>}
            </li>
          ))}
        </ul>
      </Section>
    </>
  );
}

export function Problems({ problems }: { problems: PolicyOverview['warnings'] }) {
  if (problems.length === 0) return null;
  return (
    <ul className={css.problems}>
      {problems.map((problem, i) => <li key={i} className="row top sm"><TriangleAlert size={14} aria-hidden /><span><code className="mono">{problem.where}</code> {problem.detail} {problem.way_out}</span></li>)}
    </ul>
  );
}

export function RuleTable({ rows }: { rows: RuleView[] }) {
  const { t } = useTranslation();
  return (
    <Table<RuleView> label={t('policies.tabs.rules')} rows={rows} rowKey={(rule) => rule.id} columns={[
      { id: 'verdict', head: t('policies.verdict'), cell: (rule) => <State name={rule.verdict} /> },
      { id: 'words', head: t('policies.rule'), cell: (rule) => <RuleWords rule={rule} /> },
      { id: 'who', head: t('policies.subject'), wide: true, cell: (rule) => <span className="ink2 nowrap">{rule.subject}</span> },
      { id: 'tool', head: t('agents.tool'), wide: true, cell: (rule) => <span className="mono">{rule.tool}</span> },
      { id: 'source', head: t('policies.source'), wide: true, end: true, cell: (rule) => <span className="xs mono muted">{rule.source.split('/').at(-1)}</span> },
    ]} />
  );
}

/** The author's sentence, and what is enforced in fact: a rule that says one thing and does another is seen here. */
export function RuleWords({ rule }: { rule: RuleView }) {
  const { t } = useTranslation();
  const says = inLanguage(rule.says);
  const means = inLanguage(rule.means);
  return (
    <span className={css.words}>
      <span>{says || means}</span>
      {says && means && says !== means && <span className="xs muted">{t('policies.means')} {means}</span>}
    </span>
  );
}

function ApprovalRules({ rules }: { rules: PolicyOverview['approval_rules'] }) {
  const { t } = useTranslation();
  return (
    <ul className={css.roles}>
      {rules.map((rule) => (
        <li key={rule.name} className={`card ${css.role}`}>
          <p className="med">{inLanguage(rule.titles) || humanize(rule.name)}</p>
          <ul className="sm ink2">{rule.quorums.map((quorum) => <li key={quorum.role}>{quorum.count} × {t(`role.${quorum.role.replaceAll('-', '_')}`, { defaultValue: humanize(quorum.role) })}</li>)}</ul>
          <p className="xs muted row wrap">
            <span>{t('policies.deadline', { time: duration(rule.deadline_seconds * 1000) })}</span>
            {rule.not_requester && <span>{t('policies.notRequester')}</span>}
            {rule.not_agent_owner && <span>{t('policies.notOwner')}</span>}
            {rule.not_policy_author && <span>{t('policies.notAuthor')}</span>}
            {rule.escalate_to && <span>{t('policies.escalates', { to: humanize(rule.escalate_to) })}</span>}
          </p>
        </li>
      ))}
    </ul>
  );
}
