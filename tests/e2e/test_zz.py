from tests.e2e.test_access import *
def test_widths(visit):
    out=[]
    for a in ("/", "/?review=all", "/?state=failed", "/?review=signed", "/patients/", "/recalls/", "/reports/hospital/?from=&to=", "/patients/{patient}/", "/lesions/{lesion}/", "/diagnoses/{signed}/"):
        page = visit("doctor", a)
        for w in (820, 870, 900, 960, 1024, 1100, 1180, 1280, 1366):
            page.set_viewport_size({"width": w, "height": 900})
            s=page.evaluate("document.documentElement.scrollWidth")
            if s>w: out.append((a,w,s))
    print("WIDE", out)
