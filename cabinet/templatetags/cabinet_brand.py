"""What every page wears."""

from django import template

from cabinet import brand

register = template.Library()


@register.simple_tag
def company() -> brand.Brand:
    """Name, colours and logo of the company whose cabinet this is."""
    return brand.current()
