//! The files of `dist`. Written by the page's build; a test compares it with the folder.

use crate::Asset;

pub(crate) const ASSETS: &[Asset] = &[
    Asset {
        path: "/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/LICENSES.txt"),
    },
    Asset {
        path: "/assets/drop-9ITg6Ob5.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/assets/drop-9ITg6Ob5.svg"),
    },
    Asset {
        path: "/assets/index-D-AErRjN.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-D-AErRjN.js"),
    },
    Asset {
        path: "/assets/index-Dfz_hcjV.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/index-Dfz_hcjV.css"),
    },
    Asset {
        path: "/assets/zh_CN-CHg7ulCO.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/assets/zh_CN-CHg7ulCO.js"),
    },
    Asset {
        path: "/console/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/console/LICENSES.txt"),
    },
    Asset {
        path: "/console/assets/favicon-C9HehRxi.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/favicon-C9HehRxi.svg"),
    },
    Asset {
        path: "/console/assets/index-DeRTtrOj.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-DeRTtrOj.js"),
    },
    Asset {
        path: "/console/assets/index-zThCxgpc.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/console/assets/index-zThCxgpc.css"),
    },
    Asset {
        path: "/console/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/console/index.html"),
    },
    Asset {
        path: "/examples/LICENSES.txt",
        content_type: "text/plain; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/LICENSES.txt"),
    },
    Asset {
        path: "/examples/assets/favicon-C9HehRxi.svg",
        content_type: "image/svg+xml",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/favicon-C9HehRxi.svg"),
    },
    Asset {
        path: "/examples/assets/index-BocDjajF.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-BocDjajF.js"),
    },
    Asset {
        path: "/examples/assets/index-CIT7YvTX.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-CIT7YvTX.js"),
    },
    Asset {
        path: "/examples/assets/index-Csw_7VJ7.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-Csw_7VJ7.js"),
    },
    Asset {
        path: "/examples/assets/index-DuDVFuDd.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/index-DuDVFuDd.js"),
    },
    Asset {
        path: "/examples/assets/start-DEPj9aP7.css",
        content_type: "text/css; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-DEPj9aP7.css"),
    },
    Asset {
        path: "/examples/assets/start-DKrXR9G7.js",
        content_type: "text/javascript; charset=utf-8",
        immutable: true,
        bytes: include_bytes!("dist/examples/assets/start-DKrXR9G7.js"),
    },
    Asset {
        path: "/examples/browser-signature/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/browser-signature/index.html"),
    },
    Asset {
        path: "/examples/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/index.html"),
    },
    Asset {
        path: "/examples/server-callback/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/server-callback/index.html"),
    },
    Asset {
        path: "/examples/server-signature/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/examples/server-signature/index.html"),
    },
    Asset {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        immutable: false,
        bytes: include_bytes!("dist/favicon.svg"),
    },
    Asset {
        path: "/index.html",
        content_type: "text/html; charset=utf-8",
        immutable: false,
        bytes: include_bytes!("dist/index.html"),
    },
    Asset {
        path: "/manifest.webmanifest",
        content_type: "application/manifest+json",
        immutable: false,
        bytes: include_bytes!("dist/manifest.webmanifest"),
    },
];
