import asyncio, sys
from tests.load.instances import stage
from tests.load.plan import Plan
from tests.load.rows import cognito
with stage() as place:
    for row in asyncio.run(cognito.beside_the_api(place, Plan(quick="--quick" in sys.argv))):
        print(row.cells(), [round(v,3) for v in row.values])
