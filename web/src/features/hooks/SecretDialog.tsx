import { Copy } from 'lucide-react';
import { useTranslation } from 'react-i18next';
import type { HookWithSecret } from '../../api/hooks';
import { Button, IconButton } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { toast } from '../../ui/toast';
import css from './Hooks.module.css';

/** Address and secret for whoever sets the sender up. The secret is shown this once. */
export function SecretDialog({ hook, onClose }: { hook: HookWithSecret; onClose: () => void }) {
  const { t } = useTranslation();
  const copy = (text: string) => void navigator.clipboard.writeText(text).then(() => toast(t('common.copied')));
  const shown = [[t('hooks.address'), `${location.origin}${hook.path}`], [t('hooks.secret'), hook.secret]] as const;
  return (
    <Dialog open onClose={onClose} title={hook.name} footer={<Button look="primary" onClick={onClose}>{t('common.close')}</Button>}>
      <div className="col">
        <p className="sm ink2">{t('hooks.secretText')}</p>
        {shown.map(([label, text]) => (
          <div key={label} className={css.secret}>
            <span className="grow"><span className="xs muted">{label}</span><code className="mono break">{text}</code></span>
            <IconButton label={`${t('common.copy')}: ${label}`} onClick={() => copy(text)}><Copy size={15} aria-hidden /></IconButton>
          </div>
        ))}
      </div>
    </Dialog>
  );
}
