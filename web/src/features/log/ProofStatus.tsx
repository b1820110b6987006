import { useQuery } from '@tanstack/react-query';
import { Check, LoaderCircle, ShieldAlert, ShieldCheck, ShieldQuestion, X } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import { askConsistency, logKeys, proofQuery, type RecordDetail } from '../../api/log';
import { Problem } from '../../api/problem';
import { number } from '../../ui/format';
import css from './RecordDrawer.module.css';
import { verifyRecord } from './proof/verify';

/** The proof, checked here and now by this page. It fetches no verdict: it computes one. */
export function ProofStatus({ detail }: { detail: RecordDetail }) {
  const { t } = useTranslation();
  const proof = useQuery({ ...proofQuery(detail.seq), retry: false, refetchInterval: (query) => (query.state.error instanceof Problem && query.state.error.status === 404 ? 1500 : false) });
  const checks = useQuery({
    queryKey: [...logKeys.proof(detail.seq), 'checks', proof.data?.checkpoint],
    enabled: !!proof.data,
    retry: false,
    queryFn: () => verifyRecord(detail.record, proof.data!, askConsistency),
  });
  const notYet = proof.error instanceof Problem && proof.error.status === 404;
  if (notYet) return <div className={css.proof} role="status"><p className={css.verdict}><LoaderCircle size={16} className="spin" aria-hidden />{t('proof.notYet')}</p></div>;
  if (proof.isError || checks.isError) {
    const why = (proof.error ?? checks.error)?.message;
    return <div className={css.proof} data-state="broken" role="alert"><p className={css.verdict}><ShieldQuestion size={16} aria-hidden />{t('proof.impossible')}</p><p className="sm break">{why}</p></div>;
  }
  if (!checks.data) return <div className={css.proof} role="status"><p className={css.verdict}><LoaderCircle size={16} className="spin" aria-hidden />{t('proof.checking')}</p></div>;
  const proven = checks.data.every((check) => check.ok);
  return (
    <div className={css.proof} data-state={proven ? 'proven' : 'broken'} role={proven ? 'status' : 'alert'}>
      <p className={css.verdict}>{proven ? <ShieldCheck size={17} aria-hidden /> : <ShieldAlert size={17} aria-hidden />}{t(proven ? 'proof.proven' : 'proof.broken')}</p>
      <ul className={css.checks}>
        {checks.data.map((check) => (
          <li key={check.id}>
            {check.ok ? <Check size={14} color="var(--allow)" aria-label={t('proof.holds')} /> : <X size={14} color="var(--deny)" aria-label={t('proof.fails')} />}
            <span>{t(`proof.check.${check.id}`, { size: number(check.size ?? 0) })}</span>
          </li>
        ))}
      </ul>
      <p className="xs muted">{t('proof.here')}</p>
    </div>
  );
}
