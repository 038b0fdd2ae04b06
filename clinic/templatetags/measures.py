"""How pages show sizes; a page formats the number in the language of now."""

from django import template

from clinic import measures

register = template.Library()
register.filter(measures.entered)
