"""Names of the firm's people, clients and works. Many are not ASCII: real firms' are not."""

FIRST = {
    "US": ["Ava", "Liam", "Zoë", "Noah", "Xiomara", "José", "Mai", "Darnell", "Renée", "Ethan", "Siobhán", "Kwame"],
    "UK": ["Oliver", "Amelia", "Niamh", "Rhys", "Aoife", "Harjit", "Eilidh", "Callum", "Chloë", "Tomasz", "Łucja"],
    "DE": ["Jürgen", "Käthe", "Björn", "Annegret", "Emre", "Gülşen", "Günther", "Zdeněk", "Maëlle", "Søren", "Jana"],
}
LAST = {
    "US": ["Nguyễn", "Ramírez", "O'Brien", "Washington", "Peña", "Kim", "Lindqvist", "Baker", "Okafor", "李", "Cole"],
    "UK": ["Llewellyn", "Ó Dónaill", "Patel", "MacLeòd", "Fairweather", "Wójcik", "Adeyemi", "Brontë", "Singh", "Hall"],
    "DE": ["Müller", "Weiß", "Schröder", "Yilmaz", "Größmann", "Dvořák", "Händel", "Kowalski", "Böhm", "Vogel", "Lang"],
}
CLIENT = {
    "US": ["Meridian Freight", "Blue Mesa Energy", "Cardinal Health Partners", "Piñon Foods", "Northgate Rail",
           "Harbor Mutual", "Sable Instruments", "Coronado Paper", "Willow Creek Bank", "Ozark Steel"],
    "UK": ["Thameside Water", "Brèagha Textiles", "Pennine Insurance", "Ridgeway Trust", "Kestrel Aerospace",
           "Cwm Rhondda Foods", "Albion Ports", "Fenland Growers"],
    "DE": ["Rheintal Maschinenbau", "Nordlicht Energie", "Süßwaren König", "Spree Logistik", "Allgäu Käserei",
           "Hanse Versicherung", "Gießerei Böhler", "Isar Optik"],
}  # fmt: skip
CLIENT_SUFFIX = {"US": ["Inc", "LLC", "Corp"], "UK": ["Ltd", "plc"], "DE": ["GmbH", "AG", "SE"]}
WORKS = [
    "Ledger renewal", "Market entry", "Plant audit", "Data platform", "Post-merger office", "Pricing review",
    "Supply chain study", "Cash-flow cockpit", "Façade inspection", "Contract archive", "Compliance check",
    "Shop-floor planning", "Tariff model", "Claims triage", "Energy audit", "Site valuation",
]  # fmt: skip
PHASES = ["Discovery", "Design", "Build", "Rollout"]
NOTES = [
    "Workshop with the client's finance team", "Interviews, draft of findings", "Model review — second pass",
    "Abstimmung mit der Fachabteilung", "Réunion de cadrage", "Preparation of the steering committee",
    "Data extracts checked against the ledger", "Call re. open questions", "Übergabe und Dokumentation",
    "Site visit", "Analysis of variances (Δ > 5 %)", "Report written, sent for comment",
]  # fmt: skip
