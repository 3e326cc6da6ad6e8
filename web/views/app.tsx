/** The page as a whole. */
import type { ServerConnection } from "../connection.ts";
import type { Page } from "../page.ts";
import { PROTOCOL_LABELS } from "../transport.ts";
import { FileSection } from "./file_section.tsx";
import { GreeterCard } from "./greeter_card.tsx";
import { HashCard } from "./hash_card.tsx";
import { PageHeader } from "./page_header.tsx";

/** Everything that is seen. */
export function App({ page }: { page: Page }) {
  return (
    <>
      <a class="skip" href="#files">Skip to the files</a>
      <PageHeader connection={page.connection} />
      <Wire />
      {!page.connection.reachable.value && <AwayNote url={page.connection.baseUrl} />}
      <main>
        <div class="small-cards">
          <GreeterCard page={page} />
          <HashCard page={page} />
        </div>
        <FileSection page={page} />
      </main>
      <PageFooter connection={page.connection} />
      <p class="visually-hidden" role="status">{page.announcement.value}</p>
    </>
  );
}

function Wire() {
  return (
    <svg class="wire" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">
      <path d="M0 9H284l9-8h707" />
    </svg>
  );
}

function AwayNote({ url }: { url: string }) {
  return (
    <p class="away-note" role="alert">
      <strong>The server at {new URL(url).host} cannot be reached.</strong>{" "}
      Check that it is running and that this device is online. The page looks for it every few seconds.
    </p>
  );
}

function PageFooter({ connection }: { connection: ServerConnection }) {
  const call = connection.lastCall.value;
  return (
    <footer class="page-footer">
      <span>On the wire</span>
      {call === undefined ? <span>no call yet</span> : (
        <>
          <code>{call.method}</code>
          <span>{PROTOCOL_LABELS[call.protocol]}</span>
          <span>{Math.max(1, Math.round(call.durationMs))} ms</span>
        </>
      )}
    </footer>
  );
}
