{#- The one place schemas are named: the folder's schema as it stands, with no prefix. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{- (custom_schema_name or target.schema) | trim -}}
{%- endmacro %}
