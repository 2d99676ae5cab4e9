select
    entity.legal_entity_key,
    entity.legal_entity,
    entity.name,
    entity.region,
    entity.functional_currency,
    entity.time_zone
from {{ ref('canonical__legal_entity') }} as entity
