//! The page of the devices that an account is signed in on.

#![expect(missing_docs, reason = "the macro of islands makes a struct that it does not document")]

use super::access::{Access, DEVICES, LOGIN};
use super::parts::elsewhere::{Again, complaint};
use super::parts::island::island;
use super::parts::lively::{catch_up, lively, on_wake};
use super::parts::posting::ask_instead;
use super::parts::{Frame, at_server, notice};
use crate::api::devices::read_devices;
use crate::model::device::{Device, Devices, ago};
use crate::model::error::Kind;
use crate::model::exported::Exported;
use leptos::prelude::*;
use leptos_meta::Title;

/// Where the account is signed in, and how to sign out there.
#[component]
pub fn DevicesPage() -> impl IntoView {
    let exported = use_context::<Exported>().is_some();
    let found = Resource::new_blocking(
        || (),
        // A file knows nothing of its visitor.
        move |()| async move { if exported { None } else { Some(read_devices().await) } },
    );
    view! {
        <Title text="Devices · Hardtack"/>
        <Suspense>
            {move || Suspend::new(async move {
                let (devices, failed) = match found.await {
                    Some(Ok(devices)) => (Some(devices), None),
                    Some(Err(error)) => (None, Some(error.message)),
                    None => (None, None),
                };
                page(devices, failed)
            })}
        </Suspense>
    }
}

fn page(devices: Option<Devices>, notice: Option<String>) -> impl IntoView {
    view! {
        <Frame access=Access::SignedIn notice>
            <section class="door">
                <div class="words">
                    <h1>"Your devices."</h1>
                    <p class="lead">"Where you are signed in. What you do not know, sign out."</p>
                </div>
                <div class="listed">
                    <p class="wrong" role="alert">
                        {complaint()}
                    </p>
                    <Again page=DEVICES/>
                    {island(view! { <DeviceList devices/> })}
                </div>
            </section>
        </Frame>
    }
}

/// The devices. The server has put them in; a page that is a file asks for them.
#[island]
pub fn DeviceList(
    /// The devices; when none, the island asks.
    devices: Option<Devices>,
) -> impl IntoView {
    let missing = devices.is_none();
    let devices = RwSignal::new(devices);
    on_wake(move || {
        if missing {
            catch_up(ask(devices));
        }
    });
    let alone = move || devices.with(|all| all.as_ref().is_none_or(|all| all.devices.len() < 2)).then_some("");
    view! {
        <ul class="list" data-testid="devices">
            {lively(move || devices.with(|all| all.as_ref().map(rows)))}
        </ul>
        <form method="post" action=at_server("/api/devices/end-others") data-then=DEVICES hidden=lively(alone)>
            <button on:click=ask_instead()>
                "Sign out everywhere else"
            </button>
        </form>
    }
}

fn rows(all: &Devices) -> Vec<impl IntoView + use<>> {
    all.devices.iter().map(|device| row(device, all.now)).collect()
}

fn row(device: &Device, now: i64) -> impl IntoView + use<> {
    let Device { handle, label, ip, created, seen, current } = device.clone();
    let (label, then) = if current { (label + " (this one)", LOGIN) } else { (label, DEVICES) };
    let times = format!("Signed in {}, last seen {}, from {ip}", ago(created, now), ago(seen, now));
    view! {
        <li>
            <p>
                <strong>{label}</strong>
                <span class="hint">{times}</span>
            </p>
            <form method="post" action=at_server("/api/devices/end") data-then=then>
                <input type="hidden" name="handle" value=handle/>
                <button on:click=ask_instead()>"Sign out"</button>
            </form>
        </li>
    }
}

async fn ask(devices: RwSignal<Option<Devices>>) {
    match read_devices().await {
        Ok(found) => devices.set(Some(found)),
        // Who is signed in no more is led on by the head of the page.
        Err(error) if error.kind == Kind::NotSignedIn => {}
        Err(error) => notice::show(&error.message),
    }
}
