//! The header with its dialogs, and the foot of an embed.

use super::address;
use super::browser;
use super::live::{self, act, text};
use super::page::Page;
use leptos::ev::MouseEvent;
use leptos::prelude::*;
use std::time::Duration;

/// Name, promise, and three buttons.
#[component]
pub(super) fn Header(page: Page) -> impl IntoView {
    let skip = |event: MouseEvent| {
        event.prevent_default();
        browser::go_to("main");
    };
    view! {
        <a class="skip" href="#main" on:click=act(skip)>"Skip to the question"</a>
        <header>
            <span class="brand">"petaday"</span>
            <span class="promise">"What it takes to train a transformer, and why"</span>
            <button type="button" id="share" onclick="document.getElementById('share-dialog').showModal()">"Share"</button>
            <button type="button" id="embed" onclick="document.getElementById('embed-dialog').showModal()">"Embed"</button>
            <ThemeButton/>
        </header>
        // The first paint does without: it opens none.
        {cfg!(target_arch = "wasm32").then(|| view! {
            <ShareDialog page=page/>
            <EmbedDialog page=page/>
        })}
    }
}

#[component]
fn ThemeButton() -> impl IntoView {
    // What the system wants is known only to a browser: the first paint says neither.
    let dark = RwSignal::new(cfg!(target_arch = "wasm32") && browser::is_dark());
    let toggle = move |_| {
        dark.update(|dark| *dark = !*dark);
        browser::choose_theme(dark.get_untracked());
    };
    view! {
        <button type="button" id="theme" title="Switch between light and dark" on:click=act(toggle)>
            {text(move || if dark.get() { "Light" } else { "Dark" })}
        </button>
    }
}

#[component]
fn ShareDialog(page: Page) -> impl IntoView {
    view! {
        <Dialog id="share-dialog" title="Share">
            <p>"This link opens exactly this configuration, now and in ten years."</p>
            <Copied id="share-link" name="Link" text=text(move || address::share_link(page))/>
        </Dialog>
    }
}

#[component]
fn EmbedDialog(page: Page) -> impl IntoView {
    let snippet = text(move || {
        let address = address::embed_link(page).replace('&', "&amp;");
        format!(
            "<iframe src=\"{address}\" title=\"petaday: what it takes to train a transformer\" loading=\"lazy\" \
             width=\"100%\" height=\"960\" style=\"border:0\"></iframe>"
        )
    });
    view! {
        <Dialog id="embed-dialog" title="Embed">
            <p>
                "Paste this into a page. It shows this configuration, follows the reader’s light or dark, stores \
                 nothing and asks no other server."
            </p>
            <Copied id="embed-snippet" name="Snippet" text=snippet/>
        </Dialog>
    }
}

#[component]
fn Dialog(id: &'static str, title: &'static str, children: Children) -> impl IntoView {
    let heading = format!("{id}-heading");
    view! {
        <dialog id=id aria-labelledby=heading.clone()>
            <h2 id=heading.clone()>{title}</h2>
            {children()}
            <form method="dialog">
                <button>"Close"</button>
            </form>
        </dialog>
    }
}

/// Text to take away: in a field, so that it is there where copying is forbidden.
#[component]
fn Copied(id: &'static str, name: &'static str, text: Signal<String>) -> impl IntoView {
    let copied = RwSignal::new(false);
    let copy = move |_| {
        copied.set(browser::copy(id));
        set_timeout(move || copied.set(false), Duration::from_secs(2));
    };
    view! {
        <div class="copied">
            <input type="text" readonly id=id aria-label=name prop:value=text value=""/>
            <button type="button" on:click=act(copy)>{live::text(move || if copied.get() { "Copied" } else { "Copy" })}</button>
        </div>
    }
}

/// The way from an embed to the full page. A sandbox may forbid new tabs, so the address is there to copy too.
#[component]
pub(super) fn EmbedFoot(page: Page) -> impl IntoView {
    let link = text(move || address::share_link(page));
    view! {
        <footer class="embed-foot">
            <a id="open-full" href=link target="_blank" rel="noopener">"Open full calculator"</a>
            <Copied id="full-address" name="Address of the full calculator" text=link/>
        </footer>
    }
}
