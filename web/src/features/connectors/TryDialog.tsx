import { FlaskConical } from 'lucide-react';
import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { tryTool, type ToolView } from '../../api/connectors';
import type { Schemas } from '../../api/client';
import { Button } from '../../ui/Button';
import { Dialog } from '../../ui/Dialog';
import { duration } from '../../ui/format';
import { JsonForm } from '../../ui/form/JsonForm';
import type { Schema } from '../../ui/form/schema';
import { Json } from '../../ui/Json';
import { State } from '../../ui/State';
import { Words } from '../../ui/Words';
import css from './Connectors.module.css';

/** A read tool by hand: through the same gateway, decided and recorded like any other call. */
export function TryDialog({ tool, onClose }: { tool: ToolView; onClose: () => void }) {
  const { t } = useTranslation();
  const [tried, setTried] = useState<Schemas['Tried'] | null>(null);
  const [busy, setBusy] = useState(false);
  const go = async (values: Record<string, unknown>) => {
    setBusy(true);
    try {
      setTried(await tryTool(tool.name, values));
    } finally {
      setBusy(false);
    }
  };
  return (
    <Dialog open onClose={onClose} width={620} title={<span>{t('connectors.try')} <span className="mono">{tool.name}</span></span>}>
      <div className={css.tool}>
        <p className="sm ink2">{tool.description}</p>
        <JsonForm schema={tool.input_schema as Schema} onSubmit={go}>
          <Button look="primary" type="submit" busy={busy} icon={<FlaskConical size={14} aria-hidden />}>{t('connectors.tryGo')}</Button>
          <span className="xs muted">{t('connectors.tryText')}</span>
        </JsonForm>
        {tried && (
          <section aria-live="polite" className="col">
            <p className="row"><State name={tried.outcome.state} /><span className="xs muted num">{duration(tried.milliseconds)}</span></p>
            {tried.outcome.failure ? <p className="sm break"><Words text={tried.outcome.failure.detail} /> <Words text={tried.outcome.failure.way_out} /></p> : <Json label={t('run.result')} value={tried.outcome.value} />}
          </section>
        )}
      </div>
    </Dialog>
  );
}
