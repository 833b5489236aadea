/** English: the catalog that says which sentences the example pages have. */
export const en = {
  indexTitle: "Three examples",
  indexText:
    "The three ways of direct upload, as OSS’s documentation knows them. All of them send the file straight to the bucket; they differ in who signs, and in who hears of it.",
  back: "All examples",
  uploadPage: "The upload page",
  unavailable: "The examples belong to upcall dev; this server does not have them switched on.",

  browserSignature: {
    title: "1 · Signature made in the browser",
    text: "The page itself signs the policy. Nothing stands between it and the bucket, and nobody is told.",
    steps: [
      "The page writes a policy and signs it with the access key secret.",
      "It posts the form, with policy, signature and file, to the bucket.",
      "The storage server checks the signature and keeps the file.",
    ],
  },
  serverSignature: {
    title: "2 · Signature from the application server",
    text: "The secret stays on the server. The page asks it for a policy, and nobody is told when the file has arrived.",
    steps: [
      "The page asks the application server, which signs a policy.",
      "It posts the form, with policy, signature and file, to the bucket.",
      "The storage server checks the signature and keeps the file.",
    ],
  },
  serverCallback: {
    title: "3 · Signature and callback",
    text: "The secret stays on the server, and the application hears of each file before the page does. This is the one to use.",
    steps: [
      "The page asks the application server, which signs a policy and says where it wants to be called.",
      "The page posts the form to the bucket.",
      "The storage server keeps the file, calls the application and hands its answer on to the page.",
    ],
  },

  warningTitle: "Do not do this on a page that others can open",
  warning:
    "The access key secret is in this page. Whoever opens it can read the secret, and can then read, overwrite and delete everything that the key may. upcall dev shows this example with a key made for this machine; a real application signs on its server, as in examples 2 and 3.",
  noPlainPolicy: "This application server signs only policies with a callback: see example 3.",
  signedBy: (address: string) => `Signed by ${address}`,

  howItWorks: "How it works",
  choose: "Choose files",
  chooseHint: "They are sent as soon as they are chosen.",
  versionTitle: "Signature",
  uploading: (name: string) => `Uploading ${name}`,
  cancel: (name: string) => `Cancel ${name}`,
  policyTitle: "The policy that was signed",
  formTitle: "The form’s fields, in their order",
  keyField: "directory and name",
  idempotencyField: "one for each file; sent again with the same file, should an answer be lost",
  fileField: "the file, last",
};
