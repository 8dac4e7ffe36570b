"""The commonest words of languages, and their words for an ECG, by which `esi.cqa.check.language` tells them apart."""

ENGLISH = """
    a about above absent across after all also although an and any appear appears are as at be because become
    becomes been before below between both but by can cause causes complete complex complexes could do does
    due during each either even every fewer first follow followed following for from fully gives greater had
    has have having higher however if in indicate indicates instead into is it its lead leads least less long
    longer look lower made make makes many may more most much must near neither no normal not of off often on
    one only onto or other over per present produce produces reflect reflected result results same second seen
    several short shorter should show showing shown shows similar since small so some such than that the their
    them then there these they this those three through to together two typically under unless until up
    usually very was wave waves were what when where whereas which while wide with within without would yet
    beat beats bifid broad broadened bundle branch chest coved deep deeper delayed depression deviation
    downsloping downward dropped early elevation equal failing fast faster fine flat flattened flutter
    followed height hypertrophy inverted jagged late left limb main mainly narrow notched peak peaked
    premature preserved prolonged rapid rate reciprocal right rounded sawtooth sharp slight slightly slow
    slowly slurred slurring spike spikes steep strain sudden tall terminal upright upsloping upward voltage
    widened width
"""
# Words that tell a language and are neither English nor the Latin and French of English cardiology ("torsades de pointes").
OTHERS = {
    "German": """
        der das und ist sind mit bei von im den dem ein eine einer eines einem zeigt zeigen nicht auch oder wird
        werden durch über für zum zur als auf wie sich sowie meist häufig kann können ohne nach vor aus deutlich
        typisch typischerweise breite breiter breiten hohe tiefe ableitung ableitungen komplex komplexe komplexes
        zacke zacken welle wellen strecke senkung hebung schenkelblock linksschenkelblock rechtsschenkelblock
        vorhofflimmern vorhofflattern kammer verlängert verbreitert verbreiterter negativierung muster dauer
        frequenz rhythmus herzachse überleitung linksventrikuläre hypertrophie
    """,
    "French": """
        le les des une un est sont avec dans pour sur et ou au aux qui que pas plus cette ce ces son ses entre
        sans très supérieure égale large larges droite gauche bloc branche dérivation dérivations onde ondes
        complexe élargi élargis supérieur complexes segment ventriculaire auriculaire auriculaires précordiales
        durée fréquence tracé rythme sinusal intervalle
    """,
    "Spanish": """
        el los las una un es son con en para por que no del se muestra muestran como más entre sin muy ancho ancha
        anchas derivaciones derivación onda ondas complejo complejos bloqueo rama izquierda derecha intervalo
        duración ritmo segmento elevación descenso auricular aurícula
    """,
    "Italian": """
        il lo gli una un è sono con nelle nella nel per che del della delle dei si mostra come più tra senza molto
        derivazioni derivazione onda onde complesso complessi blocco branca sinistra destra intervallo durata
        ritmo tratto largo allargato
    """,
    "Portuguese": """
        o os uma um é são com em no na nas nos para por que não do da das dos se mostra mostram como mais entre
        sem muito derivações derivação onda ondas complexo complexos bloqueio ramo esquerdo direito intervalo
        duração ritmo largo
    """,
    "Dutch": """
        het een en zijn met bij van voor niet ook wordt worden door als op naar aan deze dit uit meer dan brede
        breed afleiding afleidingen golf golven complex linkerbundeltakblok rechterbundeltakblok duur frequentie
        ritme
    """,
    "a Scandinavian language": """
        och är med för som inte av på det den ett eller vid från också og er til ikke ved eller fra også som samt
        avledning avledningar avledninger komplex kompleks breddökad våg vågor bølge bølger takk takker
    """,
    "Polish": """
        i w z na jest są nie się oraz lub przez dla od do po jak zespół zespoły zespołu odprowadzeniach
        odprowadzenia załamek załamki blok odnogi poszerzony szerokie rytm
    """,
    "Turkish": """
        ve bir bu ile için olarak olan daha çok veya gibi dalgası dalgaları derivasyonlarda derivasyonlar geniş
        süresi kompleksi
    """,
    "Indonesian": """
        dan yang di dengan pada dari untuk tidak adalah ini itu atau oleh lebih gelombang sadapan lebar kompleks
    """,
    "Vietnamese": """
        và của là trong các có được với không cho sóng chuyển đạo phức bộ rộng
    """,
}
# With English, or with terms and abbreviations of the ECG.
SHARED = "av con de des do e en et i la large na o per segment complex son w z"
NAMES = "ménière naïve löffler lenègre déjerine purkyně mönckeberg röntgen sjögren ångström"
