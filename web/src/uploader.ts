/** Uppy, put together: its restrictions, its look, its language, and our plugin. */
import { type Body, Uppy, type Meta } from "@uppy/core";
import Dashboard from "@uppy/dashboard";
import en_US from "@uppy/locales/lib/en_US.js";
import type { Naming, PolicySource } from "uppy-upcall";
import { UpcallUpload } from "uppy-upcall/uppy";
import { explain } from "./explain";
import { formatSize } from "./format";
import { CATALOGS, type Language, type Messages } from "./messages";
import type { Settings } from "./settings";

export type PageUppy = Uppy<Meta, Body>;

/** What the page chooses while Uppy runs. */
export interface Choices {
  language: Language;
  naming: Naming;
}

const DASHBOARD = "Dashboard";

/** Files start as soon as they are chosen: the page has nothing left to ask. */
export function createUploader(settings: Settings, policies: PolicySource, choices: Choices): PageUppy {
  const uppy: PageUppy = new Uppy<Meta, Body>({
    autoProceed: true,
    restrictions: { maxFileSize: settings.maxBytes, allowedFileTypes: settings.allowedTypes },
  });
  return uppy.use(UpcallUpload<Meta, Body>, {
    policies,
    naming: () => choices.naming,
    describe: (outcome) => explain(outcome, CATALOGS[choices.language]).title,
  });
}

/** Puts Uppy's Dashboard into `target`; returns what takes it out again. */
export function mountDashboard(uppy: PageUppy, target: HTMLElement): () => void {
  const touch = window.matchMedia("(pointer: coarse)").matches;
  uppy.use(Dashboard, {
    id: DASHBOARD,
    target,
    inline: true,
    width: "100%",
    height: 300,
    theme: "auto",
    // Outcomes are told in full on the page; Uppy's short-lived bubbles would only repeat them.
    disableInformer: true,
    hidePauseResumeButton: true,
    hideProgressAfterFinish: true,
    hideRetryButton: true,
    proudlyDisplayPoweredByUppy: false,
    singleFileFullScreen: false,
    showNativePhotoCameraButton: touch,
    nativeCameraFacingMode: "environment",
  });
  return () => {
    const dashboard = uppy.getPlugin(DASHBOARD);
    if (dashboard !== undefined) uppy.removePlugin(dashboard);
  };
}

/** Uppy in the page's language, with the page's words where they say more. */
export async function speak(uppy: PageUppy, settings: Settings, language: Language): Promise<void> {
  const locale =
    language === "zh" ? (await import("@uppy/locales/lib/zh_CN.js")).default : en_US;
  const messages = CATALOGS[language];
  const strings = {
    ...locale.strings,
    dashboardTitle: messages.chooseTitle,
    dropPasteFiles: messages.drop,
    browseFiles: messages.browse,
    dropPasteImportFiles: messages.onPhone,
    myDevice: messages.chooseFiles,
    takePictureBtn: messages.takePhoto,
  };
  uppy.setOptions({ locale: { ...locale, strings } });
  uppy.getPlugin(DASHBOARD)?.setOptions({ note: noteOf(settings, language, messages) });
}

function noteOf({ allowedTypes, maxBytes }: Settings, language: Language, messages: Messages): string {
  const parts = [
    allowedTypes === null ? null : messages.onlyTypes(allowedTypes.map(messages.typeName).join(", ")),
    maxBytes === null ? null : messages.upTo(formatSize(maxBytes, language)),
  ].filter((part) => part !== null);
  return parts.length === 0 ? messages.anyFile : parts.join(" · ");
}
