//! The texts of refusals for people, in English and in Chinese.

use axum::http::StatusCode;

/// A refusal in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Both {
    pub(super) english: Words,
    pub(super) chinese: Words,
}

/// A refusal in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Words {
    /// What happened.
    pub(super) title: &'static str,
    /// What the person can do.
    pub(super) advice: &'static str,
}

const NOT_FOUND: Both = Both {
    english: Words {
        title: "There is no such page",
        advice: "The address may be mistyped. A room’s address is /room/ followed by its name.",
    },
    chinese: Words {
        title: "没有这个页面",
        advice: "地址可能写错了。房间的地址是 /room/ 加上房间名。",
    },
};

const METHOD: Both = Both {
    english: Words {
        title: "Nothing can be sent here",
        advice: "This address can only be opened.",
    },
    chinese: Words {
        title: "这里不能提交内容", advice: "这个地址只能打开查看。"
    },
};

const BAD_TEXT: Both = Both {
    english: Words {
        title: "No QR code can be made of this",
        advice: "The text is missing, too long, or damaged.",
    },
    chinese: Words {
        title: "无法生成二维码", advice: "文字缺失、太长，或者已经损坏。"
    },
};

const FULL: Both = Both {
    english: Words {
        title: "XMeet is full right now",
        advice: "As many people are here as the server can take. Try again in half a minute.",
    },
    chinese: Words {
        title: "XMeet 现在满员了",
        advice: "服务器能接待的人数已到上限，请过半分钟再试。",
    },
};

const ADDRESS_FULL: Both = Both {
    english: Words {
        title: "Too many connections from your network",
        advice: "Close a few tabs, or try again in half a minute.",
    },
    chinese: Words {
        title: "你所在网络的连接太多了",
        advice: "请关掉几个标签页，或者过半分钟再试。",
    },
};

const TOO_OFTEN: Both = Both {
    english: Words {
        title: "Too many requests from your network",
        advice: "Wait a moment, then try again.",
    },
    chinese: Words {
        title: "你所在网络的请求太频繁了", advice: "请稍等片刻再试。"
    },
};

const UNAVAILABLE: Both = Both {
    english: Words { title: "XMeet is not available right now", advice: "Try again in a moment." },
    chinese: Words { title: "XMeet 暂时无法使用", advice: "请稍后再试。" },
};

const BAD_REQUEST: Both = Both {
    english: Words {
        title: "This request cannot be answered",
        advice: "Check the address, then try again.",
    },
    chinese: Words { title: "无法处理这个请求", advice: "请检查地址后再试。" },
};

/// Returns the texts of a refusal with this code and status.
pub(super) fn of(code: &str, status: StatusCode) -> Both {
    match code {
        "not_found" => NOT_FOUND,
        "method_not_allowed" => METHOD,
        "bad_text" => BAD_TEXT,
        "too_many_connections" => FULL,
        "too_many_connections_from_address" => ADDRESS_FULL,
        "connecting_too_often" => TOO_OFTEN,
        _ if status.is_server_error() => UNAVAILABLE,
        _ => BAD_REQUEST,
    }
}
