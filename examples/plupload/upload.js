/**
 * The classic page: asks the application server for a policy, posts the form to the bucket, shows what
 * came of it. On plupload's own interface, and on nothing else.
 *
 * `SERVER_URL` is the application server's address; its server writes it into `server.js`.
 */

/** Three seconds before the policy expires it is no longer used. */
const RENEW_BEFORE_SECONDS = 3;

/** Without the letters and digits that are easily taken for one another. */
const ALPHABET = "ABCDEFGHJKMNPQRSTWXYZabcdefhijkmnprstwxyz2345678";
const RANDOM_LENGTH = 10;

let signed;

/** plupload wants to know at once, so the question waits for its answer. */
function askPolicy() {
  const request = new XMLHttpRequest();
  request.open("GET", window.SERVER_URL, false);
  request.send(null);
  if (request.status !== 200) throw new Error(`the application server answered ${request.status}`);
  return JSON.parse(request.responseText);
}

function currentPolicy() {
  const now = Date.now() / 1000;
  // Also where the answer does not say when: such a policy serves one file.
  if (!(Number(signed?.expire) >= now + RENEW_BEFORE_SECONDS)) signed = askPolicy();
  return signed;
}

function keyFor(dir, fileName) {
  const { value } = document.querySelector("input[name=naming]:checked");
  if (value === "local_name") return dir + "${filename}"; // the storage server puts the name in
  let name = "";
  while (name.length < RANDOM_LENGTH) name += ALPHABET.charAt(Math.floor(Math.random() * ALPHABET.length));
  const dot = fileName.lastIndexOf(".");
  return dir + name + (dot === -1 ? "" : fileName.slice(dot));
}

function setParameters(uploader, file) {
  const { accessid, policy, signature, callback, dir, host } = currentPolicy();
  const parameters = {
    key: keyFor(dir, file.name),
    policy,
    OSSAccessKeyId: accessid,
    success_action_status: "200",
  };
  if (callback) parameters.callback = callback;
  parameters.signature = signature;
  uploader.setOption({ url: host, multipart_params: parameters });
}

/** One line for each file. Text that comes from outside is set as text. */
function lineOf(file) {
  const id = `file-${file?.id ?? "none"}`;
  let line = document.getElementById(id);
  if (line === null) {
    line = document.createElement("li");
    line.id = id;
    document.getElementById("files").append(line);
  }
  return line;
}

function show(file, verdict, text, status) {
  const line = lineOf(file);
  line.dataset.verdict = verdict;
  if (status !== undefined) line.dataset.status = status;
  line.textContent = file === undefined ? text : `${file.name}: ${text}`;
  if (verdict !== "waiting" && verdict !== "running") document.getElementById("ended").textContent = line.textContent;
}

/** plupload calls every 2xx a success; 203 says that the application did not accept the file. */
function showAnswer(file, status, body) {
  if (status === 200) show(file, "accepted", `accepted: ${body}`, status);
  else if (status === 203) show(file, "stored", `stored, but not accepted by the application: ${body}`, status);
  else show(file, "refused", `refused (${status}): ${body}`, status);
}

function showError(file, error) {
  const texts = {
    // A browser does not say why: the server is down, or the page's origin is in none of the bucket's CORS rules.
    [plupload.HTTP_ERROR]: "no answer that this page may read: is the server up, and in its CORS rules this origin?",
    [plupload.FILE_SIZE_ERROR]: "the file is too large",
    [plupload.FILE_EXTENSION_ERROR]: "this type of file is not taken",
    [plupload.FILE_DUPLICATE_ERROR]: "the file is on the list already",
  };
  if (error.status) showAnswer(file, error.status, error.response);
  else show(file, "refused", texts[error.code] ?? error.message, error.code);
}

const uploader = new plupload.Uploader({
  runtimes: "html5", // the others cannot read an answer that comes from another origin
  browse_button: "browse",
  multi_selection: true,
  url: "http://placeholder.invalid", // set for each file, from the policy
  filters: {
    mime_types: [{ title: "Images", extensions: "jpg,jpeg,gif,png,bmp" }],
    max_file_size: "10mb",
    prevent_duplicates: true,
  },
  init: {
    FilesAdded: (_, files) => files.forEach((file) => show(file, "waiting", plupload.formatSize(file.size))),
    BeforeUpload: (up, file) => {
      try {
        setParameters(up, file);
      } catch (error) {
        show(file, "refused", `not signed: ${error.message}`);
        up.stop(); // the file stays in the queue: pressing the button again tries again
        return false;
      }
      return true;
    },
    UploadProgress: (_, file) => show(file, "running", `${file.percent} %`),
    FileUploaded: (_, file, { status, response }) => showAnswer(file, status, response),
    Error: (_, error) => showError(error.file, error),
  },
});
uploader.init();
document.getElementById("post").onclick = () => uploader.start();
