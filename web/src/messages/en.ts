/** English: the catalog that says which sentences there are. */

const TYPE_NAMES: Readonly<Record<string, string>> = {
  "audio/*": "sound",
  "image/*": "images",
  "video/*": "videos",
};

export const en = {
  tagline: "Straight from your browser to storage. The application hears of it before you do.",
  bucket: (name: string) => `Bucket ${name}`,

  language: "Language",
  chooseTitle: "Upload files",
  namingTitle: "Name in the bucket",
  namingKeep: "Keep the name",
  namingRandom: "Random name",

  drop: "Drop files here or %{browseFiles}",
  browse: "browse",
  onPhone: "Choose files or take a photo",
  chooseFiles: "Choose files",
  takePhoto: "Take a photo",
  onlyTypes: (types: string) => `Only ${types}`,
  typeName: (type: string) => TYPE_NAMES[type] ?? type,
  upTo: (size: string) => `up to ${size}`,
  anyFile: "Several at once, if you like",

  resultsTitle: "Uploads",
  clearResults: "Clear",
  accepted: "Accepted by the application",
  acceptedSilently: "Stored",
  acceptedSilentlyText: "The policy asks for no callback, so the application was not told.",
  storedOnly: "Stored, but the application did not agree",
  storedOnlyText:
    "The file is in the bucket. The storage server told the application of it and did not get a yes.",
  storedOnlyNext:
    "Look into the application server’s log; once it answers as it should, send the file again.",
  pending: "Waiting for the application",
  pendingText:
    "The file is here, and nobody sees it until the application agrees. It could not be asked just now.",
  pendingNext: "Do not send it again: the storage server asks the application until it answers.",
  answer: "The application’s answer",
  serverSaid: "In the server’s words",
  requestId: "Request id",
  copy: "Copy the request id",
  copied: "Copied",
  tryAgain: "Try again",
  tryRandom: "Send under a random name",
  dismiss: (name: string) => `Remove ${name} from this list`,
  announce: (name: string, title: string) => `${name}: ${title}`,
  duplicate: (name: string) => `${name} is on its way already`,
  steps: "How far it got",
  stepPolicy: "Signed",
  stepStored: "Stored",
  stepAccepted: "Accepted",

  recordedTitle: "What the application has recorded",
  recordedText: "The rows of its database, newest first.",
  recordedEmpty: "Nothing yet. Every upload that the application accepts becomes a row here.",
  recordedUnavailable: "The application did not answer.",
  refresh: "Refresh",
  showAll: (rows: number) => `Show all ${rows}`,
  pixels: (width: string, height: string) => `${width} × ${height}`,

  examples: "The three classic examples",
  licences: "Licences",

  refused: {
    applicationDeclined: {
      title: "The application does not want this file",
      text: "It was asked before anybody could see the file, and said no. The file is gone.",
      next: "What it said stands below. The same file will be refused again.",
    },
    applicationSilent: {
      title: "The application does not answer",
      text: "Here a file is kept only if the application agrees, and it could not be asked. Nothing was stored.",
      next: "Send the file again in a while.",
    },
    applicationRefused: {
      title: "The application server did not sign",
      text: "It answered the question for a policy with a refusal, so nothing was sent.",
      next: "See what it says below; it may want you to sign in, or be set up wrongly.",
    },
    applicationUnreachable: {
      title: "The application server does not answer",
      text: "Without its signature nothing can be sent; your file is still with you.",
      next: "See whether the application server runs, then try again.",
    },
    applicationUnusable: {
      title: "The application server’s answer is not a policy",
      text: "The page needs JSON with host, accessid, policy and signature.",
      next: "Check the address that the page asks, and what that server answers.",
    },
    exists: {
      title: "There is a file of this name already",
      text: "It may not be overwritten, so the new one was not stored.",
      next: "Rename your file, or send it under a random name.",
    },
    notAllowed: {
      title: "The policy does not allow this upload",
      text: "The form does not meet a condition that the application server signed.",
      next: "The condition is named below; whoever runs the application can change it.",
    },
    policyExpired: {
      title: "The policy has expired",
      text: "A new one was fetched, and it had expired on arrival as well.",
      next: "Compare the clocks of the application server and the storage server, then try again.",
    },
    storageFault: {
      title: "The storage server has a problem",
      text: "It could not store the file. Nothing is wrong with your upload.",
      next: "Try again in a minute. If it stays, hand the request id to whoever runs the server.",
    },
    storageRefused: {
      title: "The storage server refused the upload",
      text: "It could not accept the form as it was.",
      next: "Its reason is below; hand the request id to whoever runs the application.",
    },
    storageUnreachable: {
      title: "The storage server could not be reached",
      text: "The connection failed or was cut, so there is no answer.",
      next: "Check your network and that the storage server runs and allows this page’s origin (CORS), then try again.",
    },
    tooLarge: {
      title: "The file is too large",
      text: "It is larger than the application allows.",
      next: "Choose a smaller one, or make this one smaller.",
    },
    tooSmall: {
      title: "The file is too small",
      text: "It is smaller than the application allows.",
      next: "See whether it is empty or was cut short.",
    },
    wrongSignature: {
      title: "The storage server does not recognise the signature",
      text: "The policy was signed with a key that the storage server does not have.",
      next: "Whoever runs the two should compare the access key id and secret on both sides.",
    },
    wrongType: {
      title: "This type of file is not taken",
      text: "The application allows other types only.",
      next: "Convert the file or choose another.",
    },
  },
};
