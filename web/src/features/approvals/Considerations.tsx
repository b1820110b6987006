import { Check, CircleAlert, CircleCheck, TriangleAlert, UserRound } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { Link } from '@tanstack/react-router';
import type { Approval } from '../../api/approvals';
import { said } from '../../i18n/said';
import { duration, humanize } from '../../ui/format';
import { Time } from '../../ui/Time';
import css from './Detail.module.css';

const LEVELS = { high: [TriangleAlert, 'var(--deny)', 0], medium: [CircleAlert, 'var(--ask)', 1], ok: [CircleCheck, 'var(--allow)', 2] } as const;

type Arguments = Approval['arguments'];

/** What a suggestion changes, in words. */
const changed = (instead: Arguments, asked: Arguments) =>
  instead.filter((each) => asked.find((other) => other.path === each.path)?.text !== each.text).map((each) => `${each.label}: ${each.text}`).join(', ');

/** Fourth: what to look at, worst first. Fifth: why policy asks. Then who else, and what was decided before. */
export function Considerations({ approval }: { approval: Approval }) {
  const { t } = useTranslation();
  const signals = [...approval.signals].sort((a, b) => LEVELS[a.level][2] - LEVELS[b.level][2]);
  const { earlier } = approval;
  return (
    <div>
      {signals.length > 0 && (
        <section className={css.section}>
          <h3 className="heading">{t('approvals.signals')}</h3>
          <ul className={css.signals}>
            {signals.map((signal) => {
              const [Icon, colour] = LEVELS[signal.level];
              return <li key={signal.sentence} data-level={signal.level}><Icon size={15} color={colour} aria-label={t(`approvals.level.${signal.level}`)} /><span>{said(signal)}</span></li>;
            })}
          </ul>
        </section>
      )}
      <section className={css.section}>
        <h3 className="heading">{t('approvals.why')}</h3>
        <ul className={css.why}>
          {approval.why.map((why) => (
            <li key={`${why.rule} ${why.fact}`}><span>{said(why)}</span><span className="xs muted">{why.fact && <>{why.fact} · </>}<code className="mono nowrap">{why.rule}</code></span></li>
          ))}
        </ul>
      </section>
      <section className={css.section}>
        <h3 className="heading">{t('approvals.who')}</h3>
        <ul className={css.people}>
          {approval.quorums.map((quorum) => (
            <li key={quorum.role} data-met={quorum.given >= quorum.needed || undefined}>
              {quorum.given >= quorum.needed ? <Check size={14} aria-hidden /> : <UserRound size={14} aria-hidden />}
              <span className="grow">{t('approvals.quorum', { role: t(`role.${quorum.role.replaceAll('-', '_')}`, { defaultValue: humanize(quorum.role) }), given: quorum.given, needed: quorum.needed })}</span>
            </li>
          ))}
          {approval.verdicts.map((verdict) => (
            <li key={verdict.person} className={css.verdict}>
              <span className="grow"><b className="med">{verdict.name}</b> {t(verdict.approve ? 'approvals.hasApproved' : 'approvals.hasDenied')}{verdict.on_behalf_of && ` ${t('approvals.onBehalf', { who: humanize(verdict.on_behalf_of.replace(/^\w+:/, '')) })}`}{verdict.comment && <q className={css.comment}>{verdict.comment}</q>}
                {(verdict.instead ?? []).length > 0 && <span className={css.comment}>{t('approvals.suggests', { what: changed(verdict.instead!, approval.arguments) })}</span>}</span>
              <span className="xs muted"><Time at={verdict.at} as="relative" /></span>
            </li>
          ))}
        </ul>
      </section>
      <section className={css.section}>
        <h3 className="heading">{t('approvals.earlier')}</h3>
        <p className="sm ink2">
          {earlier.approved + earlier.rejected === 0 ? t('approvals.noEarlier') : t('approvals.earlierText', { approved: earlier.approved, rejected: earlier.rejected })}
          {earlier.median_seconds != null && ` ${t('approvals.median', { time: duration(earlier.median_seconds * 1000) })}`}
        </p>
        {earlier.last.length > 0 && <p className="row wrap">{earlier.last.slice(0, 3).map((id, i) => <Link key={id} className="link xs" to="/approvals" search={{ id, tab: 'closed' }}>{t('approvals.earlierOne', { n: i + 1 })}</Link>)}</p>}
      </section>
      {(approval.on_approve || approval.on_deny) && (
        <section className={css.section}>
          <h3 className="heading">{t('approvals.then')}</h3>
          <dl className={css.then}>
            {approval.on_approve && <div><dt>{t('approvals.ifApproved')}</dt><dd>{said({ sentence: approval.on_approve, message_id: 'approval.on_approve', parameters: { what: said(approval).replace(/[.。]$/, '') } })}</dd></div>}
            {approval.on_deny && <div><dt>{t('approvals.ifDenied')}</dt><dd>{said({ sentence: approval.on_deny, message_id: 'approval.on_deny' })}</dd></div>}
          </dl>
        </section>
      )}
    </div>
  );
}
