terraform {
  required_providers {
    azurerm = {
      source  = "hashicorp/azurerm"
      version = "~> 4.0"
    }
  }
}

provider "azurerm" {
  features {}
}

variable "group_object_ids" {
  description = "The object id in Microsoft Entra ID of each group, by its name in the trust root."
  type        = map(string)
}

variable "engine_object_ids" {
  description = "The object id of the identity of each engine, by its name in the trust root."
  type        = map(string)
}

data "azurerm_client_config" "current" {}

locals {
  # Names that have to be free in all of Azure.
  suffixes = {
    for name, workspace in local.workspaces : name => substr(sha256(jsonencode([
      data.azurerm_client_config.current.subscription_id, workspace.resource_group, name
    ])), 0, 13)
  }
}

resource "azurerm_resource_group" "this" {
  for_each = local.resource_groups
  name     = each.key
  location = each.value.location
  tags     = each.value.tags
}

resource "azurerm_storage_account" "this" {
  for_each                        = local.workspaces
  name                            = "st${local.suffixes[each.key]}"
  resource_group_name             = azurerm_resource_group.this[each.value.resource_group].name
  location                        = each.value.storage_location
  account_tier                    = "Standard"
  account_replication_type        = "LRS"
  min_tls_version                 = "TLS1_2"
  allow_nested_items_to_be_public = false
  tags                            = each.value.tags
}

resource "azurerm_key_vault" "this" {
  for_each            = local.workspaces
  name                = "kv-${local.suffixes[each.key]}"
  resource_group_name = azurerm_resource_group.this[each.value.resource_group].name
  location            = each.value.location
  tenant_id           = data.azurerm_client_config.current.tenant_id
  sku_name            = "standard"
  tags                = each.value.tags
}

resource "azurerm_application_insights" "this" {
  for_each            = local.workspaces
  name                = "appi-${local.suffixes[each.key]}"
  resource_group_name = azurerm_resource_group.this[each.value.resource_group].name
  location            = each.value.location
  application_type    = "web"
  tags                = each.value.tags
}

resource "azurerm_machine_learning_workspace" "this" {
  for_each                = local.workspaces
  name                    = each.key
  friendly_name           = each.key
  description             = each.value.description
  resource_group_name     = azurerm_resource_group.this[each.value.resource_group].name
  location                = each.value.location
  storage_account_id      = azurerm_storage_account.this[each.key].id
  key_vault_id            = azurerm_key_vault.this[each.key].id
  application_insights_id = azurerm_application_insights.this[each.key].id
  tags                    = each.value.tags

  identity {
    type = "SystemAssigned"
  }
}

resource "azurerm_role_assignment" "this" {
  for_each             = local.role_assignments
  scope                = azurerm_machine_learning_workspace.this[each.value.workspace].id
  role_definition_name = each.value.role
  principal_id         = each.value.principal
}
