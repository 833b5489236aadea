/**
 * Pages with the upload components that people already have, each wired as its documentation says: the
 * fields of the policy as the component's extra fields, the file under the name `file`.
 *
 * Every page asks `SERVER_URL` for the policy, and says in `#outcome` how it ended, in its own words:
 * `accepted`, `stored, not accepted` or `refused`, with the answer behind a colon.
 */

/** What all of them share: the fields in the order of the documented form, and the three outcomes. */
const COMMON = String.raw`
async function signed() {
  return (await fetch(window.SERVER_URL)).json();
}
function fieldsOf(policy, name) {
  return {
    key: policy.dir + name,
    policy: policy.policy,
    OSSAccessKeyId: policy.accessid,
    success_action_status: "200",
    callback: policy.callback,
    signature: policy.signature,
  };
}
// 203 is a success to HTTP, and to most components: the file is stored, the application said no.
function tell(status, text) {
  const kind = status === 203 ? "stored, not accepted" : status >= 200 && status < 300 ? "accepted" : "refused";
  document.getElementById("outcome").textContent = kind + ": " + text;
}
`;

const page = (title, head, body, script) => `<!doctype html><meta charset="utf-8"><title>${title}</title>${head}
${body}<output id="outcome"></output><script>${COMMON}</script><script>${script}</script>`;

export const LIBRARIES = {
  "/antd.js": "antd/dist/antd.min.js",
  "/dayjs.js": "dayjs/dayjs.min.js",
  "/dropzone.js": "dropzone/dist/dropzone-min.js",
  "/filepond.js": "filepond/dist/filepond.min.js",
  "/react.js": "react/umd/react.production.min.js",
  "/react-dom.js": "react-dom/umd/react-dom.production.min.js",
};

const scripts = (...names) => names.map((name) => `<script src="/${name}.js"></script>`).join("");

const DROPZONE = String.raw`
Dropzone.autoDiscover = false;
let policy;
new Dropzone("#zone", {
  url: () => policy.host,
  params: (files) => fieldsOf(policy, files[0].name),
  paramName: "file",
  // The policy is fetched before the first byte goes.
  accept: async (file, done) => {
    policy = await signed();
    done();
  },
  success: (file, answer) => tell(file.xhr.status, file.xhr.responseText),
  error: (file, message, xhr) => tell(xhr?.status ?? 0, xhr?.responseText ?? message),
});
`;

const FILEPOND = String.raw`
FilePond.create(document.querySelector("input"), {
  server: {
    process: (fieldName, file, metadata, load, error, progress, abort) => {
      const request = new XMLHttpRequest();
      signed().then((policy) => {
        const form = new FormData();
        for (const [name, value] of Object.entries(fieldsOf(policy, file.name))) form.append(name, value);
        form.append("file", file, file.name);
        request.open("POST", policy.host);
        request.upload.onprogress = (event) => progress(event.lengthComputable, event.loaded, event.total);
        request.onload = () => {
          tell(request.status, request.responseText);
          if (request.status === 200) load(request.responseText);
          else error(request.status === 203 ? "stored, not accepted" : "refused");
        };
        request.send(form);
      });
      return { abort: () => { request.abort(); abort(); } };
    },
  },
});
`;

const ANTD = String.raw`
const { createElement: h, useRef, useState } = React;
function Uploader() {
  const policy = useRef(null);
  const [items, setItems] = useState([]);
  return h(antd.Upload, {
    name: "file",
    fileList: items,
    beforeUpload: async () => {
      policy.current = await signed();
    },
    action: async () => policy.current.host,
    data: (file) => fieldsOf(policy.current, file.name),
    onChange: ({ file, fileList }) => {
      // A 203 arrives as done; what the list shows is ours to say.
      const isStored = file.xhr?.status === 203;
      setItems(fileList.map((item) => (isStored && item.uid === file.uid ? { ...item, status: "error" } : item)));
      if (file.status === "done") tell(file.xhr.status, file.xhr.responseText);
      if (file.status === "error") tell(file.error.status, file.response);
    },
  }, h(antd.Button, null, "Choose"));
}
ReactDOM.createRoot(document.getElementById("root")).render(h(Uploader));
`;

const FETCH = String.raw`
document.querySelector("input").onchange = async (event) => {
  const [file] = event.target.files;
  const policy = await signed();
  const form = new FormData();
  for (const [name, value] of Object.entries(fieldsOf(policy, file.name))) form.append(name, value);
  form.append("file", file);
  const answer = await fetch(policy.host, { method: "POST", body: form });
  tell(answer.status, await answer.text());
};
`;

/** No script but what fills the fields: the browser itself goes to the storage server's answer. */
const FORM = String.raw`
signed().then((policy) => {
  const form = document.forms[0];
  form.action = policy.host;
  for (const [name, value] of Object.entries(fieldsOf(policy, "$" + "{filename}"))) form.elements[name].value = value;
  form.elements.file.onchange = () => form.submit();
});
`;

const HIDDEN = ["key", "policy", "OSSAccessKeyId", "success_action_status", "callback", "signature"];

/** By name; `isDocument` where the outcome is the page that the browser went to. */
export const UPLOADERS = {
  Dropzone: { html: page("Dropzone", scripts("dropzone"), `<form id="zone" class="dropzone"></form>`, DROPZONE) },
  FilePond: { html: page("FilePond", scripts("filepond"), `<input type="file">`, FILEPOND) },
  "antd Upload": {
    html: page("antd", scripts("react", "react-dom", "dayjs", "antd"), `<div id="root"></div>`, ANTD),
  },
  fetch: { html: page("fetch", "", `<input type="file">`, FETCH) },
  "a plain form": {
    html: page(
      "form", "",
      `<form method="post" enctype="multipart/form-data">${HIDDEN.map((name) => `<input type="hidden" name="${name}">`).join("")}<input type="file" name="file"></form>`,
      FORM,
    ),
    isDocument: true,
  },
};
