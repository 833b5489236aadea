import { createRoot } from "react-dom/client";
import { UpcallUpload } from "../../packages/uppy-upcall/snippets/antd.jsx";

createRoot(document.getElementById("root")).render(<UpcallUpload multiple />);
