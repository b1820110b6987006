import { CloudOff, Lock, type LucideIcon } from 'lucide-react';
import type { ReactNode } from 'react';
import { useTranslation } from 'react-i18next';
import { Problem } from '../api/problem';
import { worded } from '../i18n/sentences';
import { Button } from './Button';
import css from './Feedback.module.css';
import { told } from './problem';
import { Tile, type Tone } from './State';
import { Words } from './Words';

type EmptyProps = { icon: LucideIcon; title: string; text?: string; tone?: Tone; children?: ReactNode };

/** Nothing here: says what will appear and offers one action. */
export function Empty({ icon, title, text, tone = 'accent', children }: EmptyProps) {
  return (
    <div className={css.empty}>
      <Tile tone={tone} icon={icon} size={44} />
      <h2>{title}</h2>
      {text && <p>{text}</p>}
      {children && <div className={css.action}>{children}</div>}
    </div>
  );
}

/** A load failed. Says why in the server's words; lack of permission is not a failure and offers no retry. */
export function Failed({ error, onRetry }: { error?: unknown; onRetry?: () => void }) {
  const { t } = useTranslation();
  if (error instanceof Problem && error.status === 403) {
    return <Empty icon={Lock} tone="idle" title={t('common.noPermission')} text={worded(error.message) || t('common.noPermissionText')} />;
  }
  const { title, detail } = told(error);
  const text = error instanceof Problem && error.status > 0 ? [title, detail].filter(Boolean).join(' · ') : t('common.loadFailedText');
  return (
    <Empty icon={CloudOff} tone="fault" title={t('common.loadFailed')} text={text}>
      {onRetry && <Button onClick={onRetry}>{t('common.retry')}</Button>}
    </Empty>
  );
}

export function Skeleton({ width = '100%', height = 12, below = 8 }: { width?: number | string; height?: number; below?: number }) {
  return <div className={css.skeleton} style={{ width, height, marginBottom: below }} aria-hidden />;
}

export function SkeletonRows({ rows = 6, height = 14 }: { rows?: number; height?: number }) {
  const { t } = useTranslation();
  return (
    <div className={css.rows} role="status" aria-label={t('common.loading')}>
      {Array.from({ length: rows }, (_, i) => <Skeleton key={i} width={`${55 + ((i * 23) % 40)}%`} height={height} below={20} />)}
    </div>
  );
}

/** An error beside what was being done; what was typed stays. */
export function Inline({ error }: { error: unknown }) {
  if (!error) return null;
  const problem = error instanceof Problem ? error : undefined;
  const { title, detail } = told(error);
  return (
    <div className={css.inline} role="alert">
      <p className="med">{title}</p>
      {detail && <p lang="en">{detail}</p>}
      {problem?.wayOut && <p><Words text={problem.wayOut} /></p>}
    </div>
  );
}
